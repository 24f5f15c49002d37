"""What the image of the ADOT collector has, v0.49.0.

Source: pkg/defaultcomponents/defaults.go of aws-observability/aws-otel-collector at that version,
each component under the type by which a configuration names it.
"""

COMPONENTS = {
    "extensions": {
        "awsproxy",
        "ecs_observer",
        "file_storage",
        "health_check",
        "pprof",
        "sigv4auth",
        "zpages",
    },
    "receivers": {
        "awscontainerinsightreceiver",
        "awsecscontainermetrics",
        "awsxray",
        "filelog",
        "jaeger",
        "kafka",
        "otlp",
        "prometheus",
        "statsd",
        "zipkin",
    },
    "processors": {
        "attributes",
        "batch",
        "cumulativetodelta",
        "deltatorate",
        "filter",
        "groupbytrace",
        "k8sattributes",
        "memory_limiter",
        "metricsgeneration",
        "metricstransform",
        "probabilistic_sampler",
        "resource",
        "resourcedetection",
        "span",
        "tail_sampling",
    },
    "exporters": {
        "awscloudwatchlogs",
        "awsemf",
        "awsxray",
        "debug",
        "file",
        "kafka",
        "loadbalancing",
        "otlp_grpc",
        "otlp_http",
        "prometheus",
        "prometheusremotewrite",
    },
}

"""The configuration of the ADOT collector: metrics of this task to CloudWatch, traces to X-Ray.

With otlp_endpoint both go there instead, metrics unchanged as scraped.
"""

from typing import Any
from urllib.parse import urlsplit

from stackkit.plan.scale_up import FAST_S, MINUTE
from stackkit.plan.server import COLLECTOR_MIB
from stackkit.resources.service_metrics import (
    ADMIN_PORT,
    EMITTED,
    IN_FLIGHT,
    NAMESPACE,
    SERVICE,
    Emitted,
)

OTLP_PORT = 4318
HEALTH_PORT = 13133
# the variable with the endpoint's headers, as JSON
HEADERS = "OTLP_HEADERS"
# the exporters queue, and Go frees late
_LIMIT_MIB = COLLECTOR_MIB * 8 // 10
# takes no running totals, as the others do
_DELTAS_ONLY = "datadoghq"
Section = dict[str, Any]


def for_cloudwatch(service: str, region: str, log_group: str, fast: bool) -> Section:
    """`fast`: requests in flight each 10 s, by a metric of a second's resolution."""
    emf = {
        "region": region,
        "namespace": NAMESPACE,
        "log_group_name": log_group,
        "dimension_rollup_option": "NoDimensionRollup",
        "metric_declarations": _declarations(),
    }
    totals = {"transforms": [_total(each, fast) for each in EMITTED]}
    return _configuration(
        _receivers(service, fast),
        # totals of a task first: a label that is new must not hide what it counts
        {"metricstransform": totals, "cumulativetodelta": {}},
        metrics={"awsemf": emf},
        traces={"awsxray": {"region": region}},
    )


def for_endpoint(service: str, endpoint: str, headers: bool) -> Section:
    exporter: Section = {"endpoint": endpoint}
    if headers:
        exporter["headers"] = f"${{env:{HEADERS}}}"
    deltas = _DELTAS_ONLY in (urlsplit(endpoint).hostname or "")
    both = {"otlp_http": exporter}
    steps = {"cumulativetodelta": {}} if deltas else {}
    return _configuration(_receivers(service), steps, metrics=both, traces=both)


def _configuration(
    receivers: Section, steps: Section, *, metrics: Section, traces: Section
) -> Section:
    """`steps` are processors of metrics, in their order; `metrics` and `traces` are exporters."""
    limiter = {"check_interval": "1s", "limit_mib": _LIMIT_MIB, "spike_limit_mib": _LIMIT_MIB // 4}
    return {
        "extensions": {"health_check": {"endpoint": f"127.0.0.1:{HEALTH_PORT}"}},
        "receivers": receivers,
        "processors": {"memory_limiter": limiter, **steps, "batch": {"timeout": "10s"}},
        "exporters": metrics | traces,
        "service": {
            "extensions": ["health_check"],
            # the collector's own metrics are not scraped
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {
                "metrics": {
                    "receivers": ["prometheus"],
                    "processors": ["memory_limiter", *steps, "batch"],
                    "exporters": list(metrics),
                },
                "traces": {
                    "receivers": ["otlp"],
                    "processors": ["memory_limiter", "batch"],
                    "exporters": list(traces),
                },
            },
        },
    }


def _receivers(service: str, fast: bool = False) -> Section:
    ports = sorted({each.port for each in EMITTED})
    names = {port: "|".join(each.name for each in EMITTED if each.port == port) for port in ports}
    # CloudWatch's finest period for what is not asked for by the second
    scraped = [_scrape(f"port-{port}", port, names[port], MINUTE, service) for port in ports]
    if fast:
        scraped.append(_scrape("fast", ADMIN_PORT, IN_FLIGHT, FAST_S, service))
    return {
        "prometheus": {"config": {"scrape_configs": scraped}},
        "otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{OTLP_PORT}"}}},
    }


def _scrape(job: str, port: int, names: str, seconds: int, service: str) -> Section:
    return {
        "job_name": job,
        "scrape_interval": f"{seconds}s",
        "scrape_timeout": "10s",
        # Granian names no version of the format
        "fallback_scrape_protocol": "PrometheusText0.0.4",
        "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": {SERVICE: service}}],
        "metric_relabel_configs": [
            {
                "source_labels": ["__name__"],
                "regex": f"({names})(_bucket|_sum|_count)?",
                "action": "keep",
            }
        ],
    }


def _total(emitted: Emitted, fast: bool) -> Section:
    aggregate = {
        "action": "aggregate_labels",
        "label_set": [SERVICE, *([emitted.by] if emitted.by else [])],
        "aggregation_type": emitted.across,
    }
    # the exporter reads it, and sends no label of that name
    finest = {"action": "add_label", "new_label": "aws.emf.storage_resolution", "new_value": "1"}
    steps = [aggregate, *([finest] if fast and emitted.name == IN_FLIGHT else [])]
    return {"include": emitted.name, "action": "update", "operations": steps}


def _declarations() -> list[Section]:
    """The value of all, and by a label where one is a dimension."""
    labels = sorted({each.by for each in EMITTED})
    return [
        {
            "dimensions": [[SERVICE], *([[SERVICE, label]] if label else [])],
            # $$ is a $ to the collector, which expands variables
            "metric_name_selectors": [f"^{each.name}$$" for each in EMITTED if each.by == label],
        }
        for label in labels
    ]

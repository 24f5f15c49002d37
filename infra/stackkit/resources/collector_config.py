"""The configuration of the ADOT collector: metrics of this task to CloudWatch, traces to X-Ray.

With otlp_endpoint both go there instead, metrics unchanged as scraped.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from stackkit.plan.server import COLLECTOR_MIB
from stackkit.resources.service_metrics import EMITTED, NAMESPACE, SERVICE, Emitted

OTLP_PORT = 4318
HEALTH_PORT = 13133
# the variable with the endpoint's headers, as JSON
HEADERS = "OTLP_HEADERS"
# the exporters queue, and Go frees late
_LIMIT_MIB = COLLECTOR_MIB * 8 // 10
# takes no running totals, as the others do
_DELTAS_ONLY = "datadoghq"
Section = dict[str, Any]


def for_cloudwatch(service: str, region: str, log_group: str) -> Section:
    emf = {
        "region": region,
        "namespace": NAMESPACE,
        "log_group_name": log_group,
        "dimension_rollup_option": "NoDimensionRollup",
        "metric_declarations": _declarations(),
    }
    return {
        "extensions": _extensions(),
        "receivers": _receivers(service),
        # totals of a task first: a label that is new must not hide what it counts
        "processors": _processors({"metricstransform": _totals(), "cumulativetodelta": {}}),
        "exporters": {"awsemf": emf, "awsxray": {"region": region}},
        "service": _service(
            ["memory_limiter", "metricstransform", "cumulativetodelta", "batch"],
            {"metrics": "awsemf", "traces": "awsxray"},
        ),
    }


def for_endpoint(service: str, endpoint: str, headers: bool) -> Section:
    exporter: Section = {"endpoint": endpoint}
    if headers:
        exporter["headers"] = f"${{env:{HEADERS}}}"
    deltas = _DELTAS_ONLY in (urlsplit(endpoint).hostname or "")
    processors = _processors({"cumulativetodelta": {}} if deltas else {})
    steps = ["memory_limiter", *(["cumulativetodelta"] if deltas else []), "batch"]
    return {
        "extensions": _extensions(),
        "receivers": _receivers(service),
        "processors": processors,
        "exporters": {"otlp_http": exporter},
        "service": _service(steps, {"metrics": "otlp_http", "traces": "otlp_http"}),
    }


def _extensions() -> Section:
    return {"health_check": {"endpoint": f"127.0.0.1:{HEALTH_PORT}"}}


def _receivers(service: str) -> Section:
    ports = sorted({each.port for each in EMITTED})
    return {
        "prometheus": {"config": {"scrape_configs": [_scrape(port, service) for port in ports]}},
        "otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{OTLP_PORT}"}}},
    }


def _scrape(port: int, service: str) -> Section:
    names = "|".join(each.name for each in EMITTED if each.port == port)
    return {
        "job_name": f"port-{port}",
        # CloudWatch's finest period for what is not asked for by the second
        "scrape_interval": "60s",
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


def _processors(own: Mapping[str, Section]) -> Section:
    limiter = {
        "check_interval": "1s",
        "limit_mib": _LIMIT_MIB,
        "spike_limit_mib": _LIMIT_MIB // 4,
    }
    return {"memory_limiter": limiter, **own, "batch": {"timeout": "10s"}}


def _totals() -> Section:
    return {"transforms": [_total(each) for each in EMITTED]}


def _total(emitted: Emitted) -> Section:
    aggregate = {
        "action": "aggregate_labels",
        "label_set": [SERVICE, *([emitted.by] if emitted.by else [])],
        "aggregation_type": emitted.across,
    }
    return {"include": emitted.name, "action": "update", "operations": [aggregate]}


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


def _service(steps: list[str], exporters: Mapping[str, str]) -> Section:
    return {
        "extensions": ["health_check"],
        # the collector's own metrics are not scraped
        "telemetry": {"metrics": {"level": "none"}},
        "pipelines": {
            "metrics": {
                "receivers": ["prometheus"],
                "processors": steps,
                "exporters": [exporters["metrics"]],
            },
            "traces": {
                "receivers": ["otlp"],
                "processors": ["memory_limiter", "batch"],
                "exporters": [exporters["traces"]],
            },
        },
    }

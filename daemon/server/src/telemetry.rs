//! Telemetry: the daemon's own logs, and one trace for each diagnosis, built from the ledger's measured times.
//!
//! The spans of a diagnosis are no by-product of our code's control flow: they are a projection of the evidence, so a span's id
//! is the evidence's. `tracing` is for the daemon's logs, and is never exported; so the exporter cannot trace itself.

mod exporter;
mod ids;
mod logs;
mod spans;
mod trace;
mod traceparent;

pub(crate) use self::exporter::Exporter;
pub use self::logs::{Logs, init};
pub(crate) use self::trace::{CheckTrace, RunTrace};
pub(crate) use self::traceparent::RemoteParent;

/// The environment variables that telemetry honours, each with one line of help.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "where traces go, by OTLP over gRPC (http://127.0.0.1:4317); without it nothing is exported",
    ),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "the same, for traces alone"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "metadata sent along, as name=value,... (also _TRACES_HEADERS)"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "bound of one export in milliseconds, 10000 unless given (also _TRACES_TIMEOUT)"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc is the only one understood (also _TRACES_PROTOCOL)"),
    ("OTEL_SERVICE_NAME", "the name of the service in the traces, sonde unless given"),
    ("OTEL_RESOURCE_ATTRIBUTES", "further attributes of the service, as name=value,..."),
    ("OTEL_TRACES_EXPORTER", "none switches the export off, otlp is the default"),
    ("OTEL_SDK_DISABLED", "true switches the export off"),
    ("OTEL_TRACES_SAMPLER", "which traces are exported, parentbased_always_on unless given"),
    ("OTEL_TRACES_SAMPLER_ARG", "the share of traces for the samplers by ratio, 0 to 1"),
    (
        "OTEL_BSP_SCHEDULE_DELAY",
        "how long spans wait for company in milliseconds, 5000 unless given (also the other OTEL_BSP_*)",
    ),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "most attributes of a span, 128 unless given"),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", "most events of a span, 128 unless given"),
];

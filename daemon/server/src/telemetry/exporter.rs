//! Exports spans by OTLP over gRPC, on a thread of its own: a slow collector delays no run, and a dead one costs a warning.
//!
//! Configured by the standard environment variables alone; those that the SDK does not read are read here. Absent without an
//! endpoint. At most 2,048 spans wait (`OTEL_BSP_MAX_QUEUE_SIZE`); what comes on top is dropped.

use std::env;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Runtime;
use tracing::warn;

use super::ids::{ChosenIds, with_ids};
use super::spans::{Event, Plan};
use super::trace::RunTrace;

/// Sends finished traces.
pub(crate) struct Exporter {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    /// Drives the exporter's connection. Invariant: taken only when the exporter ends.
    runtime: Option<Runtime>,
}

impl Exporter {
    /// As the environment says. A setting that makes no sense is warned about, and nothing is exported: telemetry must not
    /// stop a diagnosis.
    pub(crate) fn from_environment() -> Option<Self> {
        if !wanted() {
            return None;
        }
        Self::start().map_err(|problem| warn!(%problem, "traces are not exported")).ok()
    }

    fn start() -> Result<Self, String> {
        Self::on(Self::threads()?, || opentelemetry_otlp::SpanExporter::builder().with_tonic().build())
    }

    fn threads() -> Result<Runtime, String> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sonde-otlp")
            .enable_all()
            .build()
            .map_err(|error| format!("start the exporter's thread: {error}"))
    }

    fn on(
        runtime: Runtime,
        with: impl FnOnce() -> Result<opentelemetry_otlp::SpanExporter, opentelemetry_otlp::ExporterBuildError>,
    ) -> Result<Self, String> {
        let built = {
            let _entered = runtime.enter();
            with()
        };
        let exporter = match built {
            Ok(exporter) => exporter,
            Err(error) => {
                // A runtime that is dropped inside another panics, and a wrong endpoint must not end a run.
                runtime.shutdown_background();
                return Err(crate::chain(&error));
            }
        };
        Ok(Self::over(Reporting { exporter, failing: AtomicBool::new(false) }, Some(runtime)))
    }

    fn over(exporter: impl SpanExporter + 'static, runtime: Option<Runtime>) -> Self {
        let processor = BatchSpanProcessor::builder(exporter).build();
        let provider = SdkTracerProvider::builder()
            .with_id_generator(ChosenIds::default())
            .with_resource(resource())
            .with_span_processor(processor)
            .build();
        let scope = InstrumentationScope::builder("sonde").with_version(env!("CARGO_PKG_VERSION")).build();
        let tracer = provider.tracer_with_scope(scope);
        Self { provider, tracer, runtime }
    }

    /// Hands over a finished run. Never blocks.
    pub(crate) fn export(&self, run: &RunTrace<'_>) {
        let trace = TraceId::from(run.trace_id);
        let state = run.parent.as_ref().map(|parent| parent.state.clone()).unwrap_or_default();
        let outside = run.parent.as_ref().map_or_else(Context::new, |parent| {
            let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
            let span = SpanId::from(parent.span_id);
            Context::new().with_remote_span_context(SpanContext::new(trace, span, flags, true, state.clone()))
        });
        let mut plans = run.plans().into_iter();
        let Some(root) = plans.next() else { return };
        let sampled = self.emit(root, trace, &outside);
        if !sampled {
            return;
        }
        for plan in plans {
            let parent = SpanContext::new(trace, SpanId::from(plan.parent), TraceFlags::SAMPLED, false, state.clone());
            let inside = Context::new().with_remote_span_context(parent);
            self.emit(plan, trace, &inside);
        }
    }

    /// Whether the sampler took it.
    fn emit(&self, plan: Plan, trace: TraceId, parent: &Context) -> bool {
        let builder = SpanBuilder::from_name(plan.name)
            .with_kind(plan.kind)
            .with_start_time(plan.start)
            .with_attributes(plan.attributes)
            .with_events(plan.events.into_iter().map(event).collect());
        let mut span = with_ids(trace, SpanId::from(plan.id), || self.tracer.build_with_context(builder, parent));
        if let Some(description) = plan.error {
            span.set_status(Status::error(description));
        }
        span.end_with_timestamp(plan.end);
        span.span_context().is_sampled()
    }

    /// Sends what waits, for at most `patience`. Nothing is exported afterwards.
    pub(crate) async fn shutdown(&self, patience: Duration) {
        let provider = self.provider.clone();
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(patience));
        match tokio::time::timeout(patience, flushed).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => warn!(%error, "the last spans may be lost"),
            Ok(Err(_)) | Err(_) => warn!(?patience, "the last spans may be lost: the collector is slow"),
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // A runtime that is dropped inside another panics; this way it ends in any place.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exporter")
    }
}

/// Says when exports begin to fail, and when they work again; the SDK would be silent.
#[derive(Debug)]
struct Reporting {
    exporter: opentelemetry_otlp::SpanExporter,
    failing: AtomicBool,
}

impl SpanExporter for Reporting {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        match &result {
            Ok(()) => self.failing.store(false, Ordering::Relaxed),
            Err(error) => {
                if !self.failing.swap(true, Ordering::Relaxed) {
                    warn!(%error, "spans are lost until the collector answers");
                }
            }
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Whether the environment asks for an export; what it asks for and we cannot do is warned about.
fn wanted() -> bool {
    let set = |name| env::var(name).ok().filter(|value| !value.trim().is_empty());
    if set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return false;
    }
    if set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| set("OTEL_EXPORTER_OTLP_ENDPOINT")).is_none() {
        return false;
    }
    if let Some(exporter) = set("OTEL_TRACES_EXPORTER").filter(|exporter| exporter != "otlp") {
        if exporter != "none" {
            warn!(%exporter, "traces are not exported: OTEL_TRACES_EXPORTER knows otlp and none");
        }
        return false;
    }
    let protocol = set("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL").or_else(|| set("OTEL_EXPORTER_OTLP_PROTOCOL"));
    if let Some(protocol) = protocol.filter(|protocol| protocol != "grpc") {
        warn!(%protocol, "traces are not exported: OTEL_EXPORTER_OTLP_PROTOCOL must be grpc, whose usual port is 4317");
        return false;
    }
    true
}

/// Who we are; `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` have the last word.
fn resource() -> Resource {
    let mut resource = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let named = env::var("OTEL_SERVICE_NAME").is_ok_and(|name| !name.is_empty())
        || env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|attributes| attributes.contains("service.name="));
    if !named {
        resource = resource.with_service_name("sonde");
    }
    resource.with_attribute(KeyValue::new("process.pid", i64::from(std::process::id()))).build()
}

fn event(event: Event) -> opentelemetry::trace::Event {
    opentelemetry::trace::Event::new(event.name, event.at, event.attributes, 0)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry::trace::TraceState;
    use opentelemetry_otlp::WithExportConfig as _;
    use sonde_core::target::Target;
    use sonde_core::verdict::{Verdict, VerdictState};

    use super::super::{CheckTrace, RemoteParent};
    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Collected(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Collected {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().expect("no test panics holding it").extend(batch);
            Ok(())
        }
    }

    /// What arrives of a run with one check.
    async fn exported(parent: Option<RemoteParent>) -> Vec<SpanData> {
        let target: Target = "tcp://10.0.0.5:5432".parse().expect("a target");
        let verdict =
            Verdict { state: VerdictState::Healthy, summary: String::new(), causes: vec![], next_steps: vec![] };
        let collected = Collected::default();
        let exporter = Exporter::over(collected.clone(), None);
        exporter.export(&RunTrace {
            trace_id: 0xabc,
            root_id: 1,
            parent,
            run_id: "r",
            target: &target,
            method: "m",
            began: Duration::from_secs(1_000),
            elapsed: Duration::from_millis(5),
            network_namespace: 1,
            checks: vec![CheckTrace {
                name: "connect",
                version: "0.1.0",
                digest: "ab",
                span_id: 2,
                at: Duration::ZERO,
                elapsed: Duration::from_millis(4),
                end: None,
            }],
            findings: &[],
            observations: &[],
            verdict: &verdict,
        });
        exporter.shutdown(Duration::from_secs(5)).await;
        collected.0.lock().expect("no test panics holding it").clone()
    }

    #[tokio::test]
    async fn an_endpoint_that_cannot_be_used_is_an_error_and_not_a_panic() {
        for endpoint in ["https://127.0.0.1:4317", "garbage"] {
            let runtime = Exporter::threads().expect("a thread can be started");
            let builder = opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(endpoint);

            let started = Exporter::on(runtime, || builder.build());

            assert!(started.is_err(), "{endpoint}");
        }
    }

    #[tokio::test]
    async fn spans_have_the_ids_the_parents_and_the_times_of_the_run() {
        let spans = exported(None).await;

        let seen: Vec<_> = spans
            .iter()
            .map(|span| (span.span_context.trace_id(), span.span_context.span_id(), span.parent_span_id))
            .collect();
        let (trace, root, check) = (TraceId::from(0xabc), SpanId::from(1), SpanId::from(2));
        assert_eq!(seen, [(trace, root, SpanId::INVALID), (trace, check, root)]);
        let took = spans[1].end_time.duration_since(spans[1].start_time).expect("forward");
        assert_eq!(took, Duration::from_millis(4));
    }

    #[tokio::test]
    async fn a_caller_that_samples_is_joined_and_one_that_does_not_is_respected() {
        let state: TraceState = "acme=1".parse().expect("it is right");
        let parent = |sampled| Some(RemoteParent { trace_id: 0xabc, span_id: 77, sampled, state: state.clone() });

        let joined = exported(parent(true)).await;

        assert_eq!(joined[0].parent_span_id, SpanId::from(77));
        assert!(joined[0].parent_span_is_remote);
        for span in &joined {
            assert_eq!(span.span_context.trace_state(), &state, "{}", span.name);
        }
        assert!(exported(parent(false)).await.is_empty());
    }
}

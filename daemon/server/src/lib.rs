//! The daemon: configuration, dispatcher, RPCs, telemetry and shutdown.

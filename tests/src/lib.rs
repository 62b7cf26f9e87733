//! End-to-end tests against the real binaries, the fault lab and the dependency law.

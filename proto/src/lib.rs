//! The wire contract of sonde: generated code of sonde.v1 and its canonical JSON.

//! Tests of the server alone.

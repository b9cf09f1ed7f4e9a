//! The one file that names atomics: `std`'s, or `loom`'s when the models run (`--cfg rill_loom`).

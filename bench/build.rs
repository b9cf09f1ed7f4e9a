//! Compiles the floor, in C, that the engine is compared with.

fn main() {
    println!("cargo::rerun-if-changed=floor");
    cc::Build::new()
        .file("floor/floor.c")
        .std("c11")
        .opt_level(2)
        .warnings_into_errors(true)
        .extra_warnings(true)
        .compile("rillcast_floor");
}

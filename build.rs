//! Tells the library whether it is compiled without optimization, which the compiler does not tell it: on the CPU it is then slow
//! beyond use, and says so. Debug assertions are another matter: a profile may have both.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(unoptimized)");
    if std::env::var("OPT_LEVEL").is_ok_and(|level| level == "0") {
        println!("cargo::rustc-cfg=unoptimized");
    }
}

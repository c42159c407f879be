//! `fastflow-archive`: see the library for the map of the house.

fn main() -> std::process::ExitCode {
    fastflow_archive::main_with(std::env::args_os())
}

//! The program `threadbook`.

fn main() -> std::process::ExitCode {
    threadbook_kernel::main()
}

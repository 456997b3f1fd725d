//! A worker that panics ends its process, and says so in one line of the log.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;

#[path = "../src/worker_guard.rs"]
mod worker_guard;

use worker_guard::EndProcessOnPanic;

const TO_PANIC: &str = "ANTIPHON_TEST_PANICS";

#[test]
fn a_panic_ends_the_process_with_one_line() {
    if std::env::var_os(TO_PANIC).is_some() {
        return panic_in_a_worker();
    }
    let mut this = Command::new(std::env::current_exe().unwrap());
    this.args(["a_panic_ends_the_process_with_one_line", "--exact", "--nocapture"]).env(TO_PANIC, "1");
    let ended = this.output().unwrap();
    assert_eq!(ended.status.signal(), Some(libc::SIGABRT));
    let said = String::from_utf8(ended.stderr).unwrap();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains(" error relay ")).collect();
    let [line] = lines[..] else { panic!("{said}") };
    assert!(line.ends_with("Z error relay worker panicked, the process ends worker=1"), "{line}");
    assert_eq!(line.find('T'), Some("2026-01-31".len()), "{line}");
}

#[test]
fn a_worker_that_ends_leaves_the_process_alone() {
    thread::spawn(|| drop(EndProcessOnPanic { worker: 1 })).join().unwrap();
}

fn panic_in_a_worker() {
    let worker = thread::spawn(|| {
        let _guard = EndProcessOnPanic { worker: 1 };
        panic!("as a bug would");
    });
    let _ended = worker.join();
}

//! A pod one of whose threads is gone looks alive and is deaf: it had better end, where it is seen and replaced.

/// Ends the process when the thread that holds it panics.
pub struct EndProcessOnPanic;

impl Drop for EndProcessOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

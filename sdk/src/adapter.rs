//! Stands between a [`Check`] and the generated export: panic hook, arguments. Public for [`crate::export!`] only.

use std::marker::PhantomData;

use crate::arguments::Arguments;
use crate::bindings::exports::sonde::check::check::{self as contract, Guest};
use crate::check::Check;
use crate::log;

/// The exported type.
#[derive(Debug)]
pub struct Adapter<C>(PhantomData<C>);

impl<C: Check> Guest for Adapter<C> {
    fn describe() -> contract::Manifest {
        install_panic_hook();
        C::describe()
    }

    async fn run(
        target: contract::Target,
        arguments: Vec<contract::Argument>,
        budget: contract::Budget,
    ) -> Result<contract::Outcome, String> {
        install_panic_hook();
        let arguments = Arguments::of(C::describe().parameters, arguments)?;
        C::run(target, arguments, budget).await
    }
}

/// The host sees a panic only as `unreachable`; its message and place go to the run's log.
fn install_panic_hook() {
    use std::sync::Once;
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let message = panic
                .payload()
                .downcast_ref::<&str>()
                .copied()
                .or_else(|| panic.payload().downcast_ref::<String>().map(String::as_str))
                .unwrap_or("of an unknown kind");
            let place = panic.location().map(|l| format!(" at {}:{}", l.file(), l.line())).unwrap_or_default();
            log::error(&format!("panic: {message}{place}"));
        }));
    });
}

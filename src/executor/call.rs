//! Functions of several arguments, called with tuples.

/// A function that can be called with the tuple `Args` in place of arguments, for
/// [`starmap`](super::Executor::starmap).
///
/// Functions and closures of up to six arguments are such. The compiler does not guess a
/// closure's types from here: write `|base: u64, power: u32| …`.
pub trait CallWith<Args> {
    /// What the function gives.
    type Output;

    /// Calls it.
    fn call_with(&self, args: Args) -> Self::Output;
}

macro_rules! call_with {
    ($($argument:ident)*) => {
        impl<F: Fn($($argument),*) -> R, R, $($argument),*> CallWith<($($argument,)*)> for F {
            type Output = R;

            #[expect(non_snake_case, reason = "a type's name also names its value here")]
            fn call_with(&self, ($($argument,)*): ($($argument,)*)) -> R {
                self($($argument),*)
            }
        }
    };
}

call_with!(A);
call_with!(A B);
call_with!(A B C);
call_with!(A B C D);
call_with!(A B C D E);
call_with!(A B C D E G);

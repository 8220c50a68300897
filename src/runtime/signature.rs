//! How the kernel learns the signature of a closure, which has no name of its own: a
//! cell that makes one is first compiled with a call of [`tell`], whose argument's type
//! the compiler writes out.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;

macro_rules! arguments {
    ($($name:ident: $($argument:ident)*;)*) => {$(
        /// The signature of a closure with that many arguments, as a type.
        pub fn $name<$($argument,)* R, F: FnOnce($($argument),*) -> R>(_: &F) -> PhantomData<fn($($argument),*) -> R> {
            PhantomData
        }
    )*};
}

arguments! {
    arguments_0: ;
    arguments_1: A;
    arguments_2: A B;
    arguments_3: A B C;
    arguments_4: A B C D;
    arguments_5: A B C D E;
    arguments_6: A B C D E G;
}

/// Never inlined, so that the compiler's output shows the call.
#[inline(never)]
pub fn tell<T>(_name: &str, _signature: &mut ManuallyDrop<T>) {}

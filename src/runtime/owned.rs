//! Types whose drop is compiled here, once.
//!
//! What happens when a value is dropped is compiled anew in every cell that has such a
//! value, with all that is inside of it; for a pool of threads that is a great deal. The
//! owners that this macro makes have a drop of their own, which is a function of this
//! library: a cell calls it.

/// Makes an owner of a type.
macro_rules! owner {
    ($(#[$about:meta])* $name:ident $(<$life:lifetime>)? of $inner:ty) => {
        $(#[$about])*
        pub(crate) struct $name$(<$life>)?(std::mem::ManuallyDrop<$inner>);

        impl$(<$life>)? $name$(<$life>)? {
            pub(crate) fn own(inner: $inner) -> Self {
                $name(std::mem::ManuallyDrop::new(inner))
            }

            #[allow(dead_code, reason = "not every owner gives it up")]
            pub(crate) fn into_inner(self) -> $inner {
                let mut owner = std::mem::ManuallyDrop::new(self);
                // SAFETY: the owner is not used after this, nor dropped.
                unsafe { std::mem::ManuallyDrop::take(&mut owner.0) }
            }
        }

        impl$(<$life>)? std::ops::Deref for $name$(<$life>)? {
            type Target = $inner;

            fn deref(&self) -> &$inner {
                &self.0
            }
        }

        impl$(<$life>)? std::ops::DerefMut for $name$(<$life>)? {
            fn deref_mut(&mut self) -> &mut $inner {
                &mut self.0
            }
        }

        impl$(<$life>)? Drop for $name$(<$life>)? {
            #[inline(never)]
            fn drop(&mut self) {
                // SAFETY: nothing uses it after this.
                unsafe { std::mem::ManuallyDrop::drop(&mut self.0) };
            }
        }
    };
}

pub(crate) use owner;

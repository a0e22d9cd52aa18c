/// The three ways to the one inner service, the same for every layer here.
macro_rules! accessors {
    ($inner:ty) => {
        /// The inner service.
        pub const fn get_ref(&self) -> &$inner {
            &self.inner
        }

        /// The inner service, to change it.
        pub const fn get_mut(&mut self) -> &mut $inner {
            &mut self.inner
        }

        /// Takes the inner service out.
        pub fn into_inner(self) -> $inner {
            self.inner
        }
    };
}

pub(crate) use accessors;

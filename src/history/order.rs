//! The two orders that migrations are applied in.

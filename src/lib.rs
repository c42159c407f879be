pub mod bytes;
pub mod error;
pub mod run;
pub mod time;

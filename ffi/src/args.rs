//! What comes from C, checked.

use std::ffi::{CStr, c_char};
use std::time::Duration;

use crate::failure::Failure;

/// The longest text that is taken, in bytes: a session description fits well.
const MAX_TEXT: usize = 256 << 10;

/// The largest configuration struct that a later version may have.
const MAX_STRUCT: usize = 4096;

/// A text that must be there.
///
/// # Safety
///
/// NULL, or a text that ends with a zero byte and is not changed during `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str, Failure> {
    if pointer.is_null() {
        return Err(Failure::argument(format!("{name} is NULL")));
    }
    // SAFETY: strnlen(3) reads up to the zero byte that the caller vouches for.
    let length = unsafe { libc::strnlen(pointer, MAX_TEXT) };
    if length == MAX_TEXT {
        return Err(Failure::argument(format!("{name} has more than {MAX_TEXT} bytes")));
    }
    // SAFETY: `length` bytes and the zero byte after them were just read.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map_err(|_| Failure::argument(format!("{name} is not UTF-8")))
}

/// `count` elements; NULL is fine when there are none.
///
/// # Safety
///
/// NULL, or that many valid elements, not changed during `'a`.
pub(crate) unsafe fn slice<'a, T>(
    pointer: *const T,
    count: usize,
    name: &str,
) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    check(pointer, name)?;
    if count > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Failure::argument(format!("{name} cannot have {count} elements")));
    }
    // SAFETY: not NULL, aligned, not longer than the address space; the rest is the caller's.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

#[inline]
fn check<T>(pointer: *const T, name: &str) -> Result<(), Failure> {
    if pointer.is_null() || !pointer.is_aligned() {
        return Err(unusable(pointer.is_null(), name));
    }
    Ok(())
}

#[cold]
fn unusable(null: bool, name: &str) -> Failure {
    let why = if null { "NULL" } else { "not aligned for its type" };
    Failure::argument(format!("{name} is {why}"))
}

/// Where a result goes. Claimed before the work is done, so that a NULL is found in time.
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    ///
    /// NULL, or writable for a `T` until the call returns.
    #[inline]
    pub(crate) unsafe fn claim(pointer: *mut T, name: &str) -> Result<Out<T>, Failure> {
        check(pointer, name)?;
        Ok(Out(pointer))
    }

    #[inline]
    pub(crate) fn set(&self, value: T) {
        // SAFETY: `claim` has checked it and its caller has vouched for it. What was there is not
        // dropped: it may never have been written.
        unsafe { self.0.write(value) }
    }
}

/// A struct of plain numbers and pointers that begins with its own size and may grow at its end.
///
/// # Safety
///
/// `repr(C)`, the first field is `struct_size: usize`, and every pattern of bytes is a valid value.
pub(crate) unsafe trait Versioned: Copy {
    /// Its size in the first version that had it.
    const FIRST: usize;
}

/// The caller's `struct_size`, checked.
///
/// # Safety
///
/// NULL, or a struct whose first field says how large it is.
unsafe fn declared<T: Versioned>(pointer: *const T, name: &str) -> Result<usize, Failure> {
    check(pointer, name)?;
    // SAFETY: not NULL and aligned; the first field is a usize.
    let size = unsafe { pointer.cast::<usize>().read() };
    check_size::<T>(size, name)?;
    Ok(size)
}

fn check_size<T: Versioned>(size: usize, name: &str) -> Result<(), Failure> {
    const { assert!(T::FIRST <= size_of::<T>(), "a struct does not shrink") };
    if !(T::FIRST..=MAX_STRUCT).contains(&size) {
        return Err(Failure::argument(format!(
            "the size of {name} is {size}, not {}: fill the struct by its init function, with sizeof",
            size_of::<T>()
        )));
    }
    Ok(())
}

/// A configuration: what the caller's version of the struct has, over `default`. NULL is `default`.
///
/// # Safety
///
/// NULL, or readable for as many bytes as its `struct_size` says.
pub(crate) unsafe fn config<T: Versioned>(
    pointer: *const T,
    default: T,
    name: &str,
) -> Result<T, Failure> {
    if pointer.is_null() {
        return Ok(default);
    }
    // SAFETY: the caller's.
    let size = unsafe { declared(pointer, name) }?;
    let known = size.min(size_of::<T>());
    // SAFETY: readable as the caller says; bytes need no alignment.
    let bytes = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), size) };
    if bytes.iter().skip(known).any(|byte| *byte != 0) {
        return Err(Failure::new(
            crate::status::rill_status::RILL_ERROR_UNSUPPORTED,
            format!("{name} sets fields that this version of the library does not know"),
        ));
    }
    let mut value = default;
    // SAFETY: `known` bytes fit into `value`, and any bytes make a valid one (`Versioned`).
    unsafe {
        std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), (&raw mut value).cast(), known);
    }
    Ok(value)
}

/// Where figures go: a struct whose `struct_size` the caller has set.
pub(crate) struct OutSized<T> {
    pointer: *mut T,
    size: usize,
}

impl<T: Versioned> OutSized<T> {
    /// # Safety
    ///
    /// NULL, or readable and writable for as many bytes as its `struct_size` says.
    pub(crate) unsafe fn claim(pointer: *mut T, name: &str) -> Result<OutSized<T>, Failure> {
        // SAFETY: the caller's.
        let size = unsafe { declared(pointer, name) }?;
        Ok(OutSized { pointer, size })
    }

    /// Fills a struct for the first time, with defaults or with nothing but its size.
    ///
    /// # Safety
    ///
    /// NULL, or writable for `size` bytes.
    pub(crate) unsafe fn init(pointer: *mut T, size: usize, value: &T) -> Result<(), Failure> {
        check(pointer, "the struct")?;
        check_size::<T>(size, "the struct")?;
        // SAFETY: writable for `size` bytes, as the caller says. Fields of a later version become 0,
        // which stands for "not set" in all of them.
        unsafe { pointer.cast::<u8>().write_bytes(0, size) };
        // SAFETY: not NULL, aligned, and the first field is a usize.
        unsafe { pointer.cast::<usize>().write(size) };
        OutSized { pointer, size }.set(value);
        Ok(())
    }

    /// As [`init`](OutSized::init), with nothing but the size.
    ///
    /// # Safety
    ///
    /// NULL, or writable for `size` bytes.
    pub(crate) unsafe fn init_zero(pointer: *mut T, size: usize) -> Result<(), Failure> {
        // SAFETY: any bytes make a valid value (`Versioned`).
        let zero = unsafe { std::mem::zeroed() };
        // SAFETY: the caller's.
        unsafe { OutSized::init(pointer, size, &zero) }
    }

    /// Writes what the caller's version of the struct has room for; its `struct_size` stays.
    pub(crate) fn set(self, value: &T) {
        let head = size_of::<usize>();
        let known = self.size.min(size_of::<T>());
        let from = (&raw const *value).cast::<u8>();
        let to = self.pointer.cast::<u8>();
        // SAFETY: both have `known` bytes: the one by its type, the other by the caller's word.
        unsafe { std::ptr::copy_nonoverlapping(from.add(head), to.add(head), known - head) }
    }
}

/// Writes as many values as there is room for into an array of structs that were initialised alike.
///
/// # Safety
///
/// NULL, or `capacity` structs, each as large as the first one says.
pub(crate) unsafe fn fill<T: Versioned>(
    array: *mut T,
    capacity: usize,
    values: impl Iterator<Item = T>,
) -> Result<(), Failure> {
    if capacity == 0 {
        return Ok(());
    }
    // SAFETY: the caller's.
    let size = unsafe { declared(array, "out") }?;
    if capacity > isize::MAX as usize / size {
        return Err(Failure::argument(format!("out cannot have {capacity} elements")));
    }
    for (index, value) in values.take(capacity).enumerate() {
        // SAFETY: within the array, whose elements have `size` bytes as the caller says.
        let pointer = unsafe { array.cast::<u8>().add(index * size) }.cast::<T>();
        OutSized { pointer, size }.set(&value);
    }
    Ok(())
}

/// Element `index` of an array of structs that were initialised alike.
///
/// # Safety
///
/// NULL, or more than `index` structs, each as large as the first one says.
pub(crate) unsafe fn element<T: Versioned>(
    array: *const T,
    index: usize,
    name: &str,
) -> Result<T, Failure> {
    // SAFETY: the caller's.
    let size = unsafe { declared(array, name) }?;
    // SAFETY: within the array, whose elements have `size` bytes as the caller says.
    let pointer = unsafe { array.cast::<u8>().add(index * size) };
    let known = size.min(size_of::<T>());
    // SAFETY: any bytes make a valid value (`Versioned`).
    let mut value: T = unsafe { std::mem::zeroed() };
    // SAFETY: `known` bytes are there, and fit into `value`.
    unsafe { std::ptr::copy_nonoverlapping(pointer, (&raw mut value).cast(), known) };
    Ok(value)
}

/// Milliseconds that the caller is ready to wait; `None` (any negative number) is for ever.
pub(crate) fn patience(milliseconds: i64) -> Option<Duration> {
    u64::try_from(milliseconds).ok().map(Duration::from_millis)
}

/// A number that C has for yes or no.
pub(crate) fn yes(value: i32) -> bool {
    value != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Known {
        struct_size: usize,
        first: u64,
        later: u64,
    }

    // SAFETY: numbers only, the first of which is its size.
    unsafe impl Versioned for Known {
        const FIRST: usize = 16;
    }

    const DEFAULT: Known = Known { struct_size: 24, first: 1, later: 2 };

    fn read(words: &[u64]) -> Result<Known, i32> {
        // SAFETY: the first word says how many there are, or is refused.
        let read = unsafe { config(words.as_ptr().cast::<Known>(), DEFAULT, "config") };
        read.map_err(|failure| failure.status as i32)
    }

    #[test]
    fn structs_of_older_and_newer_programs_are_understood() {
        assert_eq!(
            read(&[16, 7]).expect("the first version"),
            Known { struct_size: 16, first: 7, ..DEFAULT }
        );
        let newer = read(&[32, 7, 8, 0]).expect("nothing set that is unknown");
        assert_eq!((newer.first, newer.later), (7, 8));
        assert_eq!(read(&[32, 7, 8, 1]), Err(-14));
        for absurd in [0, 8, 15, 4097, u64::MAX] {
            assert_eq!(read(&[absurd, 0, 0]), Err(-1), "{absurd}");
        }
        // SAFETY: NULL is allowed.
        let default = unsafe { config(std::ptr::null(), DEFAULT, "config") }.expect("the default");
        assert_eq!(default, DEFAULT);
    }

    #[test]
    fn an_older_program_is_not_written_past_its_struct() {
        let mut words = [16_u64, 0, 99];
        // SAFETY: the first word says that there are two.
        let out = unsafe { OutSized::claim(words.as_mut_ptr().cast::<Known>(), "out") };
        out.expect("a struct").set(&DEFAULT);
        assert_eq!(words, [16, 1, 99]);
    }

    #[test]
    fn null_and_misaligned_pointers_are_refused() {
        // SAFETY: claiming only looks at the address.
        assert!(unsafe { Out::<u64>::claim(std::ptr::null_mut(), "out") }.is_err());
        let word = 0_u64;
        let odd = (&raw const word).cast_mut().wrapping_byte_add(1);
        // SAFETY: as above.
        assert!(unsafe { Out::<u64>::claim(odd, "out") }.is_err());
    }
}

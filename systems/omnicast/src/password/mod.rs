//! Passwords as Argon2id hashes (RFC 9106), in memory that is bounded.

mod memory;
#[cfg(test)]
mod tests;

use std::fmt;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::try_generate_salt;
use argon2::{Algorithm, Argon2, Params, Version};

use memory::Memories;

/// Most memory of a hash that is checked, in KiB.
const MAX_MEMORY: u32 = 256 * 1024;
/// Most memory times passes, in KiB: more would take seconds.
const MAX_COST: u64 = 1 << 20;

/// The memory of all hashing in this process.
static MEMORIES: Memories = Memories::new();

/// Why a password is not hashed or checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The text is no hash.
    Format,
    /// It is a hash, but not an Argon2id one.
    Algorithm,
    /// It asks for more memory, in KiB, than is given.
    Memory(u32),
    /// It takes too long to check.
    Cost,
    /// The system gives no memory or no randomness.
    System,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Format => f.write_str("it is no Argon2 hash"),
            Error::Algorithm => {
                f.write_str("of the hashes that begin with $ only $argon2id$ is known")
            }
            Error::Memory(kib) => write!(
                f,
                "this Argon2 hash takes {kib} KiB of memory to check: at most m={MAX_MEMORY} is allowed"
            ),
            Error::Cost => {
                f.write_str("this Argon2 hash takes too long to check: lower its m or t")
            }
            Error::System => f.write_str("the system gives no memory or no randomness"),
        }
    }
}

impl std::error::Error for Error {}

/// Hashes a password: a PHC string with a salt of its own. Takes some 50 ms and 19 MiB, and waits while as
/// many are hashed as may be at once. Any thread may call it.
///
/// # Errors
/// [`Error::System`].
pub fn hash(password: &str) -> Result<String, Error> {
    let (algorithm, version, params) = (Algorithm::Argon2id, Version::V0x13, Params::default());
    let salt = try_generate_salt().map_err(|_| Error::System)?;
    let salt = Salt::new(&salt).map_err(|_| Error::System)?;
    let mut bytes = [0; Params::DEFAULT_OUTPUT_LEN];
    let text = ParamsString::try_from(&params).map_err(|_| Error::System)?;
    fill(&MEMORIES, &Argon2::new(algorithm, version, params), password, &salt, &mut bytes)?;
    let output = Output::new(&bytes).map_err(|_| Error::System)?;
    let hash = PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: text,
        salt: Some(salt),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

/// Whether it is the password that was hashed. Takes as long as [`hash`] if that has made it; the parameters
/// of the hash count. The comparison tells nothing by its time.
///
/// # Errors
/// When it was not looked at: as for [`check`], and [`Error::System`].
pub fn verify(hash: &str, password: &str) -> Result<bool, Error> {
    verify_in(&MEMORIES, hash, password)
}

/// Whether a text is a hash that [`verify`] will look at.
///
/// # Errors
/// [`Error::Format`], [`Error::Algorithm`], [`Error::Memory`] and [`Error::Cost`] when it is not.
pub fn check(hash: &str) -> Result<(), Error> {
    Stored::read(hash).map(drop)
}

fn verify_in(memories: &Memories, hash: &str, password: &str) -> Result<bool, Error> {
    let Stored { argon2, salt, output } = Stored::read(hash)?;
    let mut bytes = [0; Output::MAX_LENGTH];
    let bytes = bytes.get_mut(..output.len()).ok_or(Error::Format)?;
    fill(memories, &argon2, password, &salt, bytes)?;
    let computed = Output::new(bytes).map_err(|_| Error::Format)?;
    // In constant time.
    Ok(computed == output)
}

fn fill(
    memories: &Memories,
    argon2: &Argon2,
    password: &str,
    salt: &Salt,
    output: &mut [u8],
) -> Result<(), Error> {
    let mut memory = memories.take();
    let blocks = memory.blocks(argon2.params().block_count()).ok_or(Error::System)?;
    let filled = argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, blocks);
    filled.map_err(|_| Error::Format)
}

/// A hash whose costs are within bounds.
struct Stored {
    argon2: Argon2<'static>,
    salt: Salt,
    output: Output,
}

impl Stored {
    fn read(text: &str) -> Result<Stored, Error> {
        let hash = PasswordHash::new(text).map_err(|_| Error::Format)?;
        if hash.algorithm != Algorithm::Argon2id.ident() {
            return Err(Error::Algorithm);
        }
        let params = Params::try_from(&hash).map_err(|_| Error::Format)?;
        if params.m_cost() > MAX_MEMORY {
            return Err(Error::Memory(params.m_cost()));
        }
        if u64::from(params.m_cost()).saturating_mul(params.t_cost().into()) > MAX_COST {
            return Err(Error::Cost);
        }
        let version = hash.version.map_or(Ok(Version::V0x13), Version::try_from);
        let version = version.map_err(|_| Error::Format)?;
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
            return Err(Error::Format);
        };
        Ok(Stored { argon2: Argon2::new(Algorithm::Argon2id, version, params), salt, output })
    }
}

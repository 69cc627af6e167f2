//! Sealing and opening with the keys of one source.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lru::LruCache;
use serde::{Deserialize, Serialize};
use spanbridge_credentials::SecretSource;

use crate::cipher::{Cipher, KEY_BYTES};
use crate::error::{Error, ErrorKind};
use crate::key_file::{self, FileKey};
use crate::kms::{self, Kms};

/// The version of the form of envelopes.
const FORM: u8 = 1;
/// The associated data of a wrapped data key.
const DATA_KEY: &[u8] = b"spanbridge data key 1";
/// The time between two looks at the file of the key.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The number of data keys that are kept for opening.
const CACHED_KEYS: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// The source of the keys that wrap data keys.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A file of keys.
    File(SecretSource),
    /// A key of Cloud KMS.
    Kms(Arc<Kms>),
}

/// A sealed payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The wrapped data key with the id of the key that wrapped it, as JSON.
    pub envelope: String,
    /// The nonce, the encrypted payload and its tag.
    pub payload: Vec<u8>,
}

/// The stored form of an envelope.
#[derive(Serialize, Deserialize)]
struct Envelope {
    form: u8,
    key: String,
    wrapped: String,
}

/// Seals and opens payloads. The data key is random for each process and each key that wraps it.
#[derive(Debug)]
pub struct Envelopes {
    source: KeySource,
    sealing: Mutex<Option<DataKey>>,
    opened: Mutex<LruCache<String, Arc<Cipher>>>,
}

/// The data key that seals.
#[derive(Debug)]
struct DataKey {
    cipher: Arc<Cipher>,
    envelope: String,
    /// The key of the file that wrapped it.
    wrapped_by: Option<FileKey>,
    checked: Instant,
}

impl Envelopes {
    /// Returns the envelopes of a source. [`Envelopes::prepare`] must precede the first [`Envelopes::seal`].
    pub fn new(source: KeySource) -> Self {
        Self { source, sealing: Mutex::default(), opened: Mutex::new(LruCache::new(CACHED_KEYS)) }
    }

    /// Creates a data key and wraps it, so that sealing needs no I/O but that of the key file.
    ///
    /// # Errors
    /// The key cannot be used, or Cloud KMS does not answer.
    pub async fn prepare(&self) -> Result<(), Error> {
        let data_key = match &self.source {
            KeySource::File(source) => data_key(sealing_key(source)?)?,
            KeySource::Kms(kms) => {
                let key = random()?;
                let (id, wrapped) = kms.wrap(DATA_KEY, &key).await?;
                DataKey {
                    cipher: Arc::new(cipher(&key)?),
                    envelope: envelope(id, &wrapped),
                    wrapped_by: None,
                    checked: Instant::now(),
                }
            }
        };
        *lock(&self.sealing) = Some(data_key);
        Ok(())
    }

    /// Seals a payload. `associated` names its place, which [`Envelopes::open`] must repeat.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] before [`Envelopes::prepare`], or when the machine gives no random numbers.
    pub fn seal(&self, associated: &[u8], payload: &[u8]) -> Result<Sealed, Error> {
        let mut sealing = lock(&self.sealing);
        let current =
            sealing.as_mut().ok_or_else(|| Error::new(ErrorKind::Key, "no data key was prepared"))?;
        if let KeySource::File(source) = &self.source
            && current.checked.elapsed() >= CHECK_INTERVAL
        {
            current.checked = Instant::now();
            // A file that cannot be used now leaves the data key in use.
            match sealing_key(source) {
                Ok(key) if current.wrapped_by.as_ref() != Some(&key) => {
                    tracing::info!(key = key.id, "Sealing with a new encryption key");
                    *current = data_key(key)?;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "The previous encryption key stays in use"),
            }
        }
        let payload = current.cipher.seal(associated, payload).map_err(|_| no_random())?;
        Ok(Sealed { envelope: current.envelope.clone(), payload })
    }

    /// Returns the payload that was sealed with the same `associated`.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownKey`] names the key that is missing. [`ErrorKind::Damaged`] means a changed payload or place.
    pub async fn open(&self, associated: &[u8], sealed: &Sealed) -> Result<Vec<u8>, Error> {
        let damaged =
            || Error::new(ErrorKind::Damaged, "the payload was changed, or belongs to another record");
        let cached = lock(&self.opened).get(&sealed.envelope).cloned();
        let cipher = match cached {
            Some(cipher) => cipher,
            None => {
                let cipher = Arc::new(self.unwrap(&sealed.envelope).await?);
                lock(&self.opened).put(sealed.envelope.clone(), Arc::clone(&cipher));
                cipher
            }
        };
        cipher.open(associated, &sealed.payload).map_err(|_| damaged())
    }

    /// Returns the data key of an envelope.
    async fn unwrap(&self, envelope: &str) -> Result<Cipher, Error> {
        let damaged = || Error::new(ErrorKind::Damaged, "the envelope of the payload does not have its form");
        let Envelope { form, key: id, wrapped } = serde_json::from_str(envelope).map_err(|_| damaged())?;
        if form != FORM {
            let message = format!("the payload was sealed by a newer version: its form is {form}");
            return Err(Error::new(ErrorKind::UnknownKey, message));
        }
        let wrapped = STANDARD.decode(wrapped).map_err(|_| damaged())?;
        let key = match &self.source {
            KeySource::Kms(kms) => kms.unwrap(DATA_KEY, &id, &wrapped).await?,
            KeySource::File(source) => {
                let keys = file_keys(source)?;
                let of_file = id.strip_prefix(key_file::PREFIX);
                let key = keys.iter().find(|key| of_file == Some(key.id.as_str())).ok_or_else(|| {
                    Error::new(ErrorKind::UnknownKey, format!("the payload needs the key {id}"))
                })?;
                cipher(&key.key)?.open(DATA_KEY, &wrapped).map_err(|_| {
                    let message = format!("the key {id} is not the one that sealed the payload");
                    Error::new(ErrorKind::UnknownKey, message)
                })?
            }
        };
        cipher(key.as_slice().try_into().map_err(|_| damaged())?)
    }
}

/// Returns the id of the key that an envelope needs; `None` if it has no envelope's form.
#[must_use]
pub fn key_id(envelope: &str) -> Option<String> {
    let Envelope { key, .. } = serde_json::from_str(envelope).ok()?;
    (key.starts_with(key_file::PREFIX) || key.starts_with(kms::PREFIX)).then_some(key)
}

fn file_keys(source: &SecretSource) -> Result<Vec<FileKey>, Error> {
    let content = source.read().map_err(|error| Error::new(ErrorKind::Key, error.to_string()))?;
    key_file::parse(content.expose())
}

fn sealing_key(source: &SecretSource) -> Result<FileKey, Error> {
    let mut keys = file_keys(source)?;
    Ok(keys.swap_remove(0))
}

/// Creates a data key that a key of the file wraps.
fn data_key(wrapped_by: FileKey) -> Result<DataKey, Error> {
    let key = random()?;
    let wrapped = cipher(&wrapped_by.key)?.seal(DATA_KEY, &key).map_err(|_| no_random())?;
    Ok(DataKey {
        cipher: Arc::new(cipher(&key)?),
        envelope: envelope(format!("{}{}", key_file::PREFIX, wrapped_by.id), &wrapped),
        wrapped_by: Some(wrapped_by),
        checked: Instant::now(),
    })
}

fn envelope(key: String, wrapped: &[u8]) -> String {
    let envelope = Envelope { form: FORM, key, wrapped: STANDARD.encode(wrapped) };
    // A struct of strings and numbers is always JSON.
    serde_json::to_string(&envelope).unwrap_or_default()
}

fn random() -> Result<[u8; KEY_BYTES], Error> {
    let mut key = [0; KEY_BYTES];
    rand::fill(&mut key).map_err(|_| no_random())?;
    Ok(key)
}

fn cipher(key: &[u8; KEY_BYTES]) -> Result<Cipher, Error> {
    Cipher::new(key).map_err(|_| Error::new(ErrorKind::Key, "the key cannot be used"))
}

fn no_random() -> Error {
    Error::new(ErrorKind::Key, "the machine gives no random numbers")
}

/// Locks a value that is consistent between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

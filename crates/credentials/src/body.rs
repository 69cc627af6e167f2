use reqwest::Response;

/// The reason why the body of an answer cannot be read.
#[derive(Debug)]
pub enum BodyError {
    /// The connection ended too early. The library's text may quote the request.
    Incomplete(reqwest::Error),
    /// The body is longer than the limit.
    TooLarge,
}

/// Reads the body of an answer, of at most `max_bytes` bytes.
///
/// # Errors
/// See [`BodyError`].
pub async fn read_body(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Incomplete)? {
        if body.len() + chunk.len() > max_bytes {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

//! Tokens for Amazon MSK with IAM access control.

mod credential_chain;
mod presigned_url;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::error::{Error, ErrorKind, Result};
use crate::jwt;
use crate::secret::Secret;
use crate::token::{Token, TokenProvider};
use credential_chain::CredentialChain;

/// The lifetime of a token, which Amazon's signers use as well.
const LIFETIME: Duration = Duration::from_secs(900);
/// The principal of each token. MSK derives the real one from the signature.
const PRINCIPAL: &str = "aws-msk-iam";
/// The program as MSK's logs show it.
const USER_AGENT: &str = concat!("spanbridge/", env!("CARGO_PKG_VERSION"));

/// Signs tokens for Amazon MSK: presigned URLs of the action `kafka-cluster:Connect`.
///
/// The credentials come from the first of these places: environment variables, the shared files with `AWS_PROFILE`, IAM
/// Identity Center, a web identity token, the container's metadata, the instance's metadata.
///
/// Source: <https://github.com/aws/aws-msk-iam-sasl-signer-python>.
#[derive(Debug)]
pub struct AwsMskProvider {
    region: String,
    chain: CredentialChain,
}

impl AwsMskProvider {
    /// A provider for clusters in this region, such as `eu-west-1`.
    ///
    /// # Errors
    /// [`ErrorKind::Unusable`] if the region is not a name of a region.
    pub fn new(region: impl Into<String>) -> Result<Self> {
        Self::with_chain(region.into(), CredentialChain::new()?)
    }

    fn with_chain(region: String, chain: CredentialChain) -> Result<Self> {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || region.len() > 64 || !region.bytes().all(is_name) {
            return Err(Error::new(ErrorKind::Unusable, "the AWS region must be a name such as `eu-west-1`"));
        }
        Ok(Self { region, chain })
    }

    async fn sign(&self) -> Result<Token> {
        let credentials = self.chain.credentials().await?;
        let now = SystemTime::now();
        let url = presigned_url::connect(&self.region, &credentials, now, LIFETIME);
        let url = format!("{url}&User-Agent={}", presigned_url::encode(USER_AGENT));
        let until = now + LIFETIME;
        Ok(Token {
            value: Secret::new(jwt::encode(url)),
            expires_at: credentials.expires_at.map_or(until, |expiry| expiry.min(until)),
            principal: PRINCIPAL.to_owned(),
            extensions: BTreeMap::new(),
        })
    }
}

impl TokenProvider for AwsMskProvider {
    fn fetch(&self) -> BoxFuture<'_, Result<Token>> {
        self.sign().boxed()
    }
}

#[cfg(test)]
mod tests;

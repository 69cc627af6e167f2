//! Properties and values that this build of librdkafka lacks.

/// Returns the part that this build lacks if the property has this value: a library, or a feature of cargo.
pub fn missing_part(name: &str, value: &str) -> Option<&'static str> {
    // librdkafka's own `OpenID` Connect client.
    let needs_curl = name.starts_with("sasl.oauthbearer.") && name != "sasl.oauthbearer.config";
    if needs_curl || name.starts_with("https.ca.") {
        return Some("libcurl; use [kafka.oauth] instead");
    }
    let is_kerberos =
        name.starts_with("sasl.kerberos.") || (name.starts_with("sasl.mechanism") && value == "GSSAPI");
    if is_kerberos && !cfg!(feature = "gssapi") {
        return Some("Kerberos; build it with the feature `gssapi`");
    }
    (name == "ssl.ca.certificate.stores").then_some("the certificate stores of Windows")
}

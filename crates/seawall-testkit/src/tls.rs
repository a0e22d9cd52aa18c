//! Throw-away certificates.

use std::io;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// An authority of its own, which nobody trusts who was not told to.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a server shows, and the key to it; both as PEM.
#[derive(Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// Makes one.
    ///
    /// # Errors
    /// If the machine has no randomness.
    pub fn new() -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Two of one name would be taken for one with two keys.
        let name = format!("seawall test authority {:016x}", fastrand::u64(..));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        CertifiedIssuer::self_signed(params, key).map(Self).map_err(io::Error::other)
    }

    /// Its own certificate as PEM, for those who are to trust it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Vouches for whoever answers under these names and addresses.
    ///
    /// # Errors
    /// If one of them is no name.
    pub fn issue(&self, names: &[&str]) -> io::Result<Identity> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let params = CertificateParams::new(names).map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.0).map_err(io::Error::other)?.pem();
        Ok(Identity { certificate, key: key.serialize_pem() })
    }
}

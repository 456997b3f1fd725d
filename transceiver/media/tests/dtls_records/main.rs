//! Records of DTLS 1.2: two ends of one session, whatever may come between them, and OpenSSL's word on both.

#[cfg(test)]
mod openssl;
#[cfg(test)]
mod owners;
#[cfg(test)]
mod records;
#[cfg(test)]
mod session;

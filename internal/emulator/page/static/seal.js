// The envelope of the Flow protocol, in WebCrypto. A request carries a fresh AES-128 key, wrapped with the business's
// RSA public key (OAEP, SHA-256), and the message under AES-GCM with a 16-byte nonce. The reply uses the same AES key
// and the nonce with every bit inverted.

const toBase64 = (buffer) => {
  let text = "";
  for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte);
  return btoa(text);
};

const fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** Reads an SPKI PEM ("BEGIN PUBLIC KEY"). */
export async function readPublicKey(pem) {
  const der = fromBase64(pem.replace(/-----[^-]+-----/g, "").replace(/\s+/g, ""));
  return crypto.subtle.importKey("spki", der, { name: "RSA-OAEP", hash: "SHA-256" }, false, ["encrypt"]);
}

/**
 * Seals a message. Returns the body to post, the length of the ciphertext in bytes, and open(), which decrypts the
 * reply to exactly this request.
 */
export async function seal(publicKey, message) {
  const iv = crypto.getRandomValues(new Uint8Array(16));
  const aes = await crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt", "decrypt"]);
  const wrapped = await crypto.subtle.encrypt(
    { name: "RSA-OAEP" }, publicKey, await crypto.subtle.exportKey("raw", aes));
  const sealed = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv, tagLength: 128 }, aes, new TextEncoder().encode(JSON.stringify(message)));

  const inverted = iv.map((byte) => byte ^ 0xff);
  return {
    size: sealed.byteLength,
    body: {
      encrypted_flow_data: toBase64(sealed),
      encrypted_aes_key: toBase64(wrapped),
      initial_vector: toBase64(iv),
    },
    async open(text) {
      const plain = await crypto.subtle.decrypt(
        { name: "AES-GCM", iv: inverted, tagLength: 128 }, aes, fromBase64(text.trim()));
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plain));
    },
  };
}

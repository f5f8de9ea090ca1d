/*
 * A chip with a key in KEY3: the bytes 00 to 1f, as in RECORD.md. It knows one HMAC, of "motekey/seal"; openssl made it.
 */
static const uint8_t ofSeal[32] = {
  0x20, 0xb1, 0x6b, 0xaa, 0x21, 0x6e, 0x9e, 0xeb, 0x83, 0xb8, 0x05, 0x0e, 0x8e, 0xb2, 0xcd, 0xfd,
  0x8e, 0x80, 0xe9, 0x42, 0x5a, 0x9d, 0xd5, 0x45, 0x88, 0xa9, 0x99, 0x7b, 0xdb, 0x8f, 0x42, 0x52,
};

esp_err_t esp_hmac_calculate(hmac_key_id_t key_id, const void* message, size_t message_len, uint8_t* hmac)
{
  if (key_id != HMAC_KEY3)
    return ESP_FAIL;
  if (message_len != 12 || memcmp(message, "motekey/seal", 12) != 0)
    return ESP_ERR_INVALID_ARG;
  memcpy(hmac, ofSeal, 32);
  return ESP_OK;
}

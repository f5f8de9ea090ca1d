/*
 * The HMAC that an ESP32-S2, -S3, -C3 and their like make of a key in their eFuses, which no program can read: the
 * chip's part of `motekey/efuse` (ESP-IDF, esp_hmac.h). Chips without that part, such as the first ESP32, do not
 * compile it. What a script hands in is checked here, addresses are taken last, nothing is allocated.
 */
#include <string.h>
#include "xsmc.h"
#include "mc.xs.h"
#include "esp_hmac.h"

#define DIGEST_BYTES 32
#define KEYS 6

/*
 * efuseHmac(block, message, digest): the digest's 32 bytes are written. Returns false where the chip refuses: the
 * block has no key, or one whose purpose is not HMAC_UP.
 */
void xs_motekey_efuseHmac(xsMachine* the)
{
  uint8_t made[DIGEST_BYTES];
  volatile uint8_t* wiped = made;
  void *message, *digest;
  xsUnsignedValue length, room;
  xsIntegerValue block;
  esp_err_t failure;
  int i;
  if (xsmcArgc < 3 || xsmcTypeOf(xsArg(0)) != xsIntegerType)
    xsTypeError("motekey: a block, a message and a digest");
  block = xsmcToInteger(xsArg(0));
  if (block < 0 || block >= KEYS)
    xsRangeError("motekey: eFuse keys have the blocks 0 to 5");
  xsmcGetBufferReadable(xsArg(1), &message, &length);
  xsmcGetBufferWritable(xsArg(2), &digest, &room);
  if (room != DIGEST_BYTES)
    xsRangeError("motekey: a digest has 32 bytes");
  failure = esp_hmac_calculate((hmac_key_id_t)block, message, length, made);
  if (failure == ESP_OK)
    memcpy(digest, made, DIGEST_BYTES);
  for (i = 0; i < DIGEST_BYTES; i++)
    wiped[i] = 0;
  xsmcSetBoolean(xsResult, failure == ESP_OK);
}

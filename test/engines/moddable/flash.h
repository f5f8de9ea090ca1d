/*
 * A flash chip for the SDK's own storage (modules/io/storage/flash, modules/files/preference/esp) on the desktop: two
 * sectors in the file FLASH. Writing only clears bits, erasing sets them. Where FLASH_WRITES is set, power is cut after
 * that many bytes were written.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define kFlashSectorSize (4096)
#define kFlashStart (&_MODPREF_start)
#define FLASH_BYTES (2 * kFlashSectorSize)

uint8_t _MODPREF_start __attribute__((weak));

static uint8_t* flashBytes(void)
{
  static uint8_t* bytes = NULL;
  if (bytes == NULL) {
    int file = open(getenv("FLASH"), O_RDWR | O_CREAT, 0600);
    off_t before = lseek(file, 0, SEEK_END);
    if (ftruncate(file, FLASH_BYTES) != 0)
      abort();
    bytes = mmap(NULL, FLASH_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (bytes == MAP_FAILED)
      abort();
    if (before == 0)
      memset(bytes, 0xff, FLASH_BYTES);
  }
  return bytes;
}

static uint8_t modSPIRead(uint32_t offset, uint32_t size, uint8_t* out)
{
  for (uint32_t i = 0; i < size; i++)
    out[i] = offset + i < FLASH_BYTES ? flashBytes()[offset + i] : 0xff;
  return 1;
}

static uint8_t modSPIWrite(uint32_t offset, uint32_t size, const uint8_t* bytes)
{
  static long left = -1;
  if (left < 0)
    left = getenv("FLASH_WRITES") != NULL ? atol(getenv("FLASH_WRITES")) : 1L << 40;
  for (uint32_t i = 0; i < size && offset + i < FLASH_BYTES; i++) {
    if (left-- == 0)
      _exit(0);
    flashBytes()[offset + i] &= bytes[i];
  }
  return 1;
}

static uint8_t modSPIErase(uint32_t offset, uint32_t size)
{
  memset(flashBytes() + offset, 0xff, size);
  return 1;
}

/* What motekey-efuse.c needs of ESP-IDF's esp_hmac.h, by its documentation: the SDK itself is in no package registry. */
#include <stddef.h>
#include <stdint.h>

typedef int esp_err_t;
#define ESP_OK 0
#define ESP_FAIL -1
#define ESP_ERR_INVALID_ARG 0x102

typedef enum { HMAC_KEY0, HMAC_KEY1, HMAC_KEY2, HMAC_KEY3, HMAC_KEY4, HMAC_KEY5, HMAC_KEY_MAX } hmac_key_id_t;

esp_err_t esp_hmac_calculate(hmac_key_id_t key_id, const void* message, size_t message_len, uint8_t* hmac);

/*
 * What takes the time on XS, in C: runs of bytes, strings, numbers, an answer that lies whole in one piece, SHA-256.
 * Nothing needs it: each function does what the TypeScript of the same name does, byte for byte, and
 * `manifest_native.json` puts these in the place of those. Nothing is allocated.
 *
 * What a script hands in is checked here: as many arguments as there are, buffers of bytes that are attached, whole
 * numbers, ranges within the buffers. Anything else throws TypeError or RangeError. A buffer's address holds until
 * the next call into the engine that may run a script or collect garbage, so addresses are taken last.
 */
#include <string.h>
#include "xsmc.h"
#include "mc.xs.h"

typedef uint8_t Byte;

/* A buffer's bytes. */
typedef struct {
  Byte* bytes;
  xsUnsignedValue length;
} Buffer;

static void expectArguments(xsMachine* the, int count)
{
  if (xsmcArgc < count)
    xsTypeError("motekey: an argument is missing");
}

static Buffer bufferAt(xsMachine* the, int index, xsBooleanValue isWritten)
{
  void* bytes;
  xsUnsignedValue length;
  if (isWritten)
    xsmcGetBufferWritable(xsArg(index), &bytes, &length);
  else
    xsmcGetBufferReadable(xsArg(index), &bytes, &length);
  return (Buffer){ bytes, length };
}

static void expectObject(xsMachine* the, int index)
{
  if (xsmcTypeOf(xsArg(index)) != xsReferenceType)
    xsTypeError("motekey: not an object");
}

/* A whole number from 0 to 2^53 - 1. */
static double numberAt(xsMachine* the, int index)
{
  double number = 0;
  xsType type = xsmcTypeOf(xsArg(index));
  if (type == xsIntegerType)
    number = xsmcToInteger(xsArg(index));
  else if (type == xsNumberType)
    number = xsmcToNumber(xsArg(index));
  else
    xsTypeError("motekey: not a number");
  if (!(number >= 0 && number <= 9007199254740991.0) || number != (double)(uint64_t)number)
    xsRangeError("motekey: not a whole number from 0 to 2^53 - 1");
  return number;
}

/* An index into a buffer; or a length. */
static xsUnsignedValue indexAt(xsMachine* the, int index)
{
  double number = numberAt(the, index);
  if (number > INT32_MAX)
    xsRangeError("motekey: no buffer is that long");
  return (xsUnsignedValue)number;
}

/* [from, to) lies in the buffer. All are below 2^31. */
static void expectRange(xsMachine* the, Buffer buffer, xsUnsignedValue from, xsUnsignedValue to)
{
  if (from > to || to > buffer.length)
    xsRangeError("motekey: out of the buffer");
}

/* ---- wire/run, wire/copy, wire/decimal ---- */

/* A byte that stands for itself inside a JSON string: printable ASCII but the quote and the backslash. */
static int isPlain(Byte byte)
{
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

static const Byte* endOfPlain(const Byte* at, const Byte* end)
{
  while (at < end && isPlain(*at))
    at++;
  return at;
}

/* copyPlain(bytes, from, to, out, at) */
void xs_motekey_copyPlain(xsMachine* the)
{
  expectArguments(the, 5);
  xsUnsignedValue from = indexAt(the, 1), to = indexAt(the, 2), at = indexAt(the, 4), i = from;
  Buffer bytes = bufferAt(the, 0, 0), out = bufferAt(the, 3, 1);
  if (from < to) {
    expectRange(the, bytes, from, to);
    expectRange(the, out, at, at + (to - from));
    /* Byte by byte: the buffers may be one. */
    for (Byte* o = out.bytes + at; i < to && isPlain(bytes.bytes[i]); i++)
      *o++ = bytes.bytes[i];
  }
  xsmcSetInteger(xsResult, i);
}

/* skipPlain(bytes, from, to) */
void xs_motekey_skipPlain(xsMachine* the)
{
  expectArguments(the, 3);
  xsUnsignedValue from = indexAt(the, 1), to = indexAt(the, 2), end = from;
  Buffer bytes = bufferAt(the, 0, 0);
  if (from < to) {
    expectRange(the, bytes, from, to);
    end = endOfPlain(bytes.bytes + from, bytes.bytes + to) - bytes.bytes;
  }
  xsmcSetInteger(xsResult, end);
}

/* copyBytes(out, at, from, start, end) */
void xs_motekey_copyBytes(xsMachine* the)
{
  expectArguments(the, 5);
  xsUnsignedValue at = indexAt(the, 1), start = indexAt(the, 3), end = indexAt(the, 4);
  Buffer out = bufferAt(the, 0, 1), from = bufferAt(the, 2, 0);
  if (start < end) {
    xsUnsignedValue length = end - start;
    expectRange(the, from, start, end);
    expectRange(the, out, at, at + length);
    Byte* o = out.bytes + at;
    const Byte* i = from.bytes + start;
    if (o <= i || o >= i + length)
      memmove(o, i, length);
    else
      while (length-- > 0)
        *o++ = *i++;
    at += end - start;
  }
  xsmcSetInteger(xsResult, at);
}

/* sameBytes(a, aFrom, b, bFrom, length): what is beyond a buffer's end is the same as nothing. */
void xs_motekey_sameBytes(xsMachine* the)
{
  expectArguments(the, 5);
  xsUnsignedValue aFrom = indexAt(the, 1), bFrom = indexAt(the, 3), length = indexAt(the, 4);
  Buffer a = bufferAt(the, 0, 0), b = bufferAt(the, 2, 0);
  int isThere = aFrom + length <= a.length && bFrom + length <= b.length;
  xsmcSetBoolean(xsResult, length == 0 || (isThere && memcmp(a.bytes + aFrom, b.bytes + bFrom, length) == 0));
}

static int digitsOf(uint64_t value)
{
  int digits = 1;
  while (value >= 10) {
    value /= 10;
    digits++;
  }
  return digits;
}

/* decimalLength(value) */
void xs_motekey_decimalLength(xsMachine* the)
{
  expectArguments(the, 1);
  xsmcSetInteger(xsResult, digitsOf((uint64_t)numberAt(the, 0)));
}

/* writeDecimal(out, at, value) */
void xs_motekey_writeDecimal(xsMachine* the)
{
  expectArguments(the, 3);
  xsUnsignedValue at = indexAt(the, 1);
  uint64_t value = (uint64_t)numberAt(the, 2);
  xsUnsignedValue end = at + digitsOf(value);
  Buffer out = bufferAt(the, 0, 1);
  expectRange(the, out, at, end);
  for (Byte* o = out.bytes + end; o > out.bytes + at; value /= 10)
    *--o = '0' + value % 10;
  xsmcSetInteger(xsResult, end);
}

/* ---- wire/frame/whole ---- */

/* What is left of a frame. */
typedef struct {
  const Byte* at;
  const Byte* end;
} Text;

typedef struct {
  const Byte* bytes;
  size_t length;
} Run;

/* As many digits are always below 2^53. */
#define INTEGER_DIGITS 15

static void skipSpace(Text* text)
{
  while (text->at < text->end && (*text->at == ' ' || *text->at == '\n' || *text->at == '\r' || *text->at == '\t'))
    text->at++;
}

/* Takes a byte, and white space on both sides. */
static int takeByte(Text* text, Byte byte)
{
  skipSpace(text);
  if (text->at == text->end || *text->at != byte)
    return 0;
  text->at++;
  skipSpace(text);
  return 1;
}

/* Takes a string of plain bytes. */
static int takeText(Text* text, Run* run)
{
  if (text->at == text->end || *text->at != '"')
    return 0;
  const Byte* from = text->at + 1;
  const Byte* end = endOfPlain(from, text->end);
  if (end == text->end || *end != '"')
    return 0;
  *run = (Run){ from, end - from };
  text->at = end + 1;
  return 1;
}

/* Takes a whole number without sign, fraction and exponent, of at most 15 digits. */
static int takeNumber(Text* text, double* value)
{
  const Byte* at = text->at;
  double read = 0;
  while (at < text->end && *at >= '0' && *at <= '9') {
    read = read * 10 + (*at - '0');
    at++;
  }
  size_t digits = at - text->at;
  if (digits == 0 || digits > INTEGER_DIGITS || (digits > 1 && *text->at == '0'))
    return 0;
  if (at == text->end || *at == '.' || *at == 'e' || *at == 'E')
    return 0;
  text->at = at;
  *value = read;
  return 1;
}

static int isText(Run run, const Byte* bytes, size_t length)
{
  return run.length == length && memcmp(run.bytes, bytes, length) == 0;
}

static int isName(Run run, const char* name)
{
  return isText(run, (const Byte*)name, strlen(name));
}

/* A member that nobody knows, if its value is a plain string or a short number. */
static int skipValue(Text* text)
{
  Run run;
  double value;
  return takeText(text, &run) || takeNumber(text, &value);
}

static int isOneOf(Run name, const char* const* names)
{
  for (; *names != NULL; names++)
    if (isName(name, *names))
      return 1;
  return 0;
}

/* Members that are more than these lines judge. */
static const char* const leftAtTop[] = { "method", "nr", "error", NULL };
static const char* const leftInResult[] = { "sealed", "exist", "success", "time", "ext", "rotate", NULL };

typedef struct {
  double id;
  double expiresInS;
  Run token;
} Read;

/* Of `result`: a token and its lifetime, each once. */
static int takeResult(Text* text, Read* read)
{
  Run name;
  if (!takeByte(text, '{'))
    return 0;
  do {
    if (!takeText(text, &name) || !takeByte(text, ':'))
      return 0;
    if (isName(name, "token")) {
      if (read->token.bytes != NULL || !takeText(text, &read->token))
        return 0;
    } else if (isName(name, "expires_in")) {
      if (read->expiresInS >= 0 || !takeNumber(text, &read->expiresInS))
        return 0;
    } else if (isOneOf(name, leftInResult) || !skipValue(text))
      return 0;
  } while (takeByte(text, ','));
  return text->at < text->end && *text->at++ == '}' && read->token.bytes != NULL && read->expiresInS >= 0;
}

/* A frame from the cloud to us with a token, each of its members once. */
static int takeAnswer(Text* text, Buffer cloud, Buffer us, Read* read)
{
  enum { VERSION = 1, ID = 2, SRC = 4, DST = 8, RESULT = 16, ALL = 31 };
  int seen = 0;
  Run name, party;
  double version;
  if (!takeByte(text, '{'))
    return 0;
  do {
    int member = 0;
    if (!takeText(text, &name) || !takeByte(text, ':'))
      return 0;
    if (isName(name, "v")) {
      member = VERSION;
      if (!takeNumber(text, &version) || version != 2)
        return 0;
    } else if (isName(name, "id")) {
      member = ID;
      if (!takeNumber(text, &read->id) || read->id == 0)
        return 0;
    } else if (isName(name, "src")) {
      member = SRC;
      if (!takeText(text, &party) || !isText(party, cloud.bytes, cloud.length))
        return 0;
    } else if (isName(name, "dst")) {
      member = DST;
      if (!takeText(text, &party) || !isText(party, us.bytes, us.length))
        return 0;
    } else if (isName(name, "result")) {
      member = RESULT;
      if (!takeResult(text, read))
        return 0;
    } else if (isOneOf(name, leftAtTop) || !skipValue(text))
      return 0;
    if (seen & member)
      return 0;
    seen |= member;
  } while (takeByte(text, ','));
  return seen == ALL && text->at < text->end && *text->at++ == '}';
}

/*
 * readAnswer(answer, bytes, from, to, cloud, us, staging): the index behind the frame, with `id`, `tokenLength` and
 * `expiresInS` of the answer set and the token in `staging`; -1, and nothing is changed: the strict reader's to judge.
 */
void xs_motekey_readAnswer(xsMachine* the)
{
  expectArguments(the, 7);
  expectObject(the, 0);
  xsUnsignedValue from = indexAt(the, 2), to = indexAt(the, 3);
  Buffer bytes = bufferAt(the, 1, 0), cloud = bufferAt(the, 4, 0), us = bufferAt(the, 5, 0);
  Buffer staging = bufferAt(the, 6, 1);
  Read read = { .id = 0, .expiresInS = -1, .token = { NULL, 0 } };
  xsmcSetInteger(xsResult, -1);
  if (from >= to)
    return;
  expectRange(the, bytes, from, to);
  Text text = { bytes.bytes + from, bytes.bytes + to };
  if (!takeAnswer(&text, cloud, us, &read) || read.token.length > staging.length)
    return;
  xsIntegerValue end = text.at - bytes.bytes, tokenLength = read.token.length;
  memmove(staging.bytes, read.token.bytes, tokenLength);
  xsmcVars(1);
  xsmcSetNumber(xsVar(0), read.id);
  xsmcSet(xsArg(0), xsID_id, xsVar(0));
  xsmcSetInteger(xsVar(0), tokenLength);
  xsmcSet(xsArg(0), xsID_tokenLength, xsVar(0));
  xsmcSetNumber(xsVar(0), read.expiresInS);
  xsmcSet(xsArg(0), xsID_expiresInS, xsVar(0));
  xsmcSetInteger(xsResult, end);
}

/* ---- wire/json/text ---- */

/* Where inside a character: 0 to 7 as in wire/utf8, the others as in wire/json/text. */
enum { BOUNDARY = 0, ESCAPE = 8, HEX_LAST = 9, HEX_FIRST = 12, LOW = 13, LOW_U = 14, STEPS = 15 };

/* What became of a string. */
enum { ENDED, TRUNCATED, SYNTAX, NO_UTF8, NO_PAIR };

/* The content of one JSON string, as far as it was read. */
typedef struct {
  uint32_t step;
  uint32_t scalar;
  uint32_t high;
  /* Bytes of the decoded text, also of those that there was no room for. */
  uint64_t length;
} Content;

static int hexValue(Byte byte)
{
  if (byte >= '0' && byte <= '9')
    return byte - '0';
  byte |= 0x20;
  return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The state of wire/utf8 behind a byte; -1: it cannot follow (RFC 3629, 4). */
static int utf8Next(int state, Byte byte)
{
  if (state == 0) {
    if (byte < 0x80)
      return 0;
    if (byte < 0xc2)
      return -1;
    if (byte < 0xe0)
      return 1;
    if (byte < 0xf0)
      return byte == 0xe0 ? 4 : byte == 0xed ? 5 : 2;
    return byte == 0xf0 ? 6 : byte < 0xf4 ? 3 : byte == 0xf4 ? 7 : -1;
  }
  if (byte < 0x80 || byte > 0xbf)
    return -1;
  switch (state) {
    case 4: return byte >= 0xa0 ? 1 : -1;
    case 5: return byte < 0xa0 ? 1 : -1;
    case 6: return byte >= 0x90 ? 2 : -1;
    case 7: return byte < 0x90 ? 2 : -1;
    default: return state - 1;
  }
}

/* What a letter behind a backslash stands for (RFC 8259, 7); -1: nothing. */
static int unescaped(Byte letter)
{
  switch (letter) {
    case '"': case '\\': case '/': return letter;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return -1;
  }
}

static int putByte(Content* content, Buffer room, Byte byte)
{
  if (content->length < room.length)
    room.bytes[content->length] = byte;
  content->length++;
  return TRUNCATED;
}

/* The escaped character is complete: written whole, or not at all. */
static int putScalar(Content* content, Buffer room)
{
  uint32_t scalar = content->scalar;
  int length = scalar < 0x80 ? 1 : scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4;
  static const Byte lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
  if (content->length + length <= room.length) {
    Byte* out = room.bytes + content->length;
    for (int i = length - 1; i > 0; i--, scalar >>= 6)
      out[i] = 0x80 | (scalar & 0x3f);
    out[0] = lead[length] | scalar;
  }
  content->length += length;
  content->step = BOUNDARY;
  return TRUNCATED;
}

/* Four digits are read: joins surrogates. */
static int endHex(Content* content, Buffer room)
{
  uint32_t unit = content->scalar;
  int isLow = unit >= 0xdc00 && unit <= 0xdfff;
  if (isLow != (content->high != 0))
    return NO_PAIR;
  if (isLow) {
    content->scalar = 0x10000 + ((content->high - 0xd800) << 10) + (unit - 0xdc00);
    content->high = 0;
  } else if (unit >= 0xd800 && unit <= 0xdbff) {
    content->high = unit;
    content->step = LOW;
    return TRUNCATED;
  }
  return putScalar(content, room);
}

/* One byte of an escape. */
static int takeEscaped(Content* content, Buffer room, Byte byte)
{
  int value;
  switch (content->step) {
    case ESCAPE:
      content->scalar = 0;
      content->step = HEX_FIRST;
      if (byte == 'u')
        return TRUNCATED;
      value = unescaped(byte);
      content->scalar = value;
      return value < 0 ? SYNTAX : putScalar(content, room);
    case LOW:
      content->step = LOW_U;
      return byte == '\\' ? TRUNCATED : NO_PAIR;
    case LOW_U:
      content->scalar = 0;
      content->step = HEX_FIRST;
      return byte == 'u' ? TRUNCATED : NO_PAIR;
    default:
      value = hexValue(byte);
      if (value < 0)
        return SYNTAX;
      content->scalar = (content->scalar << 4) | value;
      if (content->step == HEX_LAST)
        return endHex(content, room);
      content->step--;
      return TRUNCATED;
  }
}

/* Goes on with a string; TRUNCATED at the end of the text. `text->at` stands at the byte that is refused, or behind the quote. */
static int takeContent(Content* content, Text* text, Buffer room)
{
  int found = TRUNCATED;
  while (found == TRUNCATED && text->at < text->end) {
    Byte byte = *text->at;
    if (content->step >= ESCAPE)
      found = takeEscaped(content, room, byte);
    else if (content->step != BOUNDARY || byte >= 0x80) {
      int next = utf8Next(content->step, byte);
      if (next < 0)
        return NO_UTF8;
      content->step = next;
      putByte(content, room, byte);
    } else if (byte == '"') {
      text->at++;
      return ENDED;
    } else if (byte == '\\')
      content->step = ESCAPE;
    else if (byte < 0x20)
      return SYNTAX;
    else
      putByte(content, room, byte);
    if (found == TRUNCATED)
      text->at++;
  }
  return found;
}

static double memberOf(xsMachine* the, xsIdentifier id, double most)
{
  xsmcGet(xsVar(0), xsArg(0), id);
  double value = xsmcTypeOf(xsVar(0)) == xsIntegerType || xsmcTypeOf(xsVar(0)) == xsNumberType ? xsmcToNumber(xsVar(0)) : -1;
  if (!(value >= 0 && value <= most) || value != (double)(uint64_t)value)
    xsRangeError("motekey: no state of a text");
  return value;
}

static void setMember(xsMachine* the, xsIdentifier id, double value)
{
  if (value <= INT32_MAX)
    xsmcSetInteger(xsVar(0), (xsIntegerValue)value);
  else
    xsmcSetNumber(xsVar(0), value);
  xsmcSet(xsArg(0), id, xsVar(0));
}

/*
 * readText(text, bytes, from, to, out, outFrom, outTo): JsonText.read. Goes on with `step`, `scalar`, `high` and
 * `length` of the text, and sets them and `at`.
 */
void xs_motekey_readText(xsMachine* the)
{
  expectArguments(the, 7);
  expectObject(the, 0);
  xsmcVars(1);
  Content content = {
    .step = memberOf(the, xsID_step, STEPS - 1),
    .scalar = memberOf(the, xsID_scalar, 0x10ffff),
    .high = memberOf(the, xsID_high, 0xffff),
    .length = memberOf(the, xsID_length, 9007199254740991.0),
  };
  xsUnsignedValue from = indexAt(the, 2), to = indexAt(the, 3), outFrom = indexAt(the, 5), outTo = indexAt(the, 6);
  Buffer bytes = bufferAt(the, 1, 0), out = bufferAt(the, 4, 1);
  expectRange(the, bytes, from, from < to ? to : from);
  if (outFrom < outTo)
    expectRange(the, out, outFrom, outTo);
  Buffer room = { out.bytes + outFrom, outFrom < outTo ? outTo - outFrom : 0 };
  Text text = { bytes.bytes + from, bytes.bytes + (from < to ? to : from) };
  int found = takeContent(&content, &text, room);
  xsIntegerValue at = text.at - bytes.bytes;
  setMember(the, xsID_step, content.step);
  setMember(the, xsID_scalar, content.scalar);
  setMember(the, xsID_high, content.high);
  setMember(the, xsID_length, content.length);
  setMember(the, xsID_at, at);
  xsmcSetInteger(xsResult, found);
}

/* ---- crypto/sha256 ---- */

#define BLOCK_BYTES 64
#define DIGEST_BYTES 32

/* What a script keeps of a hash, in a buffer of that many bytes; it may have changed any of them. */
typedef struct {
  uint32_t chain[8];
  uint32_t fedHigh;
  uint32_t fedLow;
  Byte block[BLOCK_BYTES];
} Hash;

/* Initial hash value (FIPS 180-4, 5.3.3). */
static const uint32_t initialChain[8] = {
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* Round constants (FIPS 180-4, 4.2.2). */
static const uint32_t roundConstants[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotated(uint32_t word, int bits)
{
  return (word >> bits) | (word << (32 - bits));
}

/* One block (FIPS 180-4, 6.2.2). The schedule is circular. */
static void compress(Hash* hash)
{
  uint32_t schedule[16], v[8];
  const Byte* block = hash->block;
  for (int i = 0; i < 16; i++, block += 4)
    schedule[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
  memcpy(v, hash->chain, sizeof(v));
  for (int t = 0; t < 64; t++) {
    if (t > 15) {
      uint32_t w1 = schedule[(t + 1) & 15], w14 = schedule[(t + 14) & 15];
      schedule[t & 15] += (rotated(w1, 7) ^ rotated(w1, 18) ^ (w1 >> 3)) + schedule[(t + 9) & 15] +
        (rotated(w14, 17) ^ rotated(w14, 19) ^ (w14 >> 10));
    }
    uint32_t t1 = v[7] + (rotated(v[4], 6) ^ rotated(v[4], 11) ^ rotated(v[4], 25)) +
      (v[6] ^ (v[4] & (v[5] ^ v[6]))) + roundConstants[t] + schedule[t & 15];
    uint32_t t2 = (rotated(v[0], 2) ^ rotated(v[0], 13) ^ rotated(v[0], 22)) +
      ((v[0] & v[1]) | (v[2] & (v[0] | v[1])));
    memmove(v + 1, v, 7 * sizeof(uint32_t));
    v[4] += t1;
    v[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++)
    hash->chain[i] += v[i];
  /* They are as secret as what was hashed. */
  volatile uint32_t* forgotten = schedule;
  for (int i = 0; i < 16; i++)
    forgotten[i] = 0;
  forgotten = v;
  for (int i = 0; i < 8; i++)
    forgotten[i] = 0;
}

static void feed(Hash* hash, const Byte* bytes, size_t length)
{
  while (length > 0) {
    size_t filled = hash->fedLow % BLOCK_BYTES;
    size_t count = length < BLOCK_BYTES - filled ? length : BLOCK_BYTES - filled;
    memmove(hash->block + filled, bytes, count);
    hash->fedLow += count;
    if (hash->fedLow < count)
      hash->fedHigh++;
    if (filled + count == BLOCK_BYTES)
      compress(hash);
    bytes += count;
    length -= count;
  }
}

static void start(Hash* hash)
{
  memcpy(hash->chain, initialChain, sizeof(initialChain));
  hash->fedHigh = hash->fedLow = 0;
}

/* Pads (5.1.1) and writes the digest. */
static void finish(Hash* hash, Byte* out)
{
  uint32_t high = hash->fedHigh << 3 | hash->fedLow >> 29, low = hash->fedLow << 3;
  Byte length[8] = { high >> 24, high >> 16, high >> 8, high, low >> 24, low >> 16, low >> 8, low };
  static const Byte padding[BLOCK_BYTES] = { 0x80 };
  size_t filled = hash->fedLow % BLOCK_BYTES;
  feed(hash, padding, (filled < 56 ? 56 : 120) - filled);
  feed(hash, length, sizeof(length));
  for (int i = 0; i < DIGEST_BYTES; i++)
    out[i] = hash->chain[i / 4] >> (24 - i % 4 * 8);
}

/* Taken last, as it has no length. */
static Hash* hashAt(xsMachine* the)
{
  Buffer kept = bufferAt(the, 0, 1);
  expectRange(the, kept, 0, sizeof(Hash));
  if ((uintptr_t)kept.bytes % sizeof(uint32_t) != 0)
    xsRangeError("motekey: a hash begins at a word");
  return (Hash*)kept.bytes;
}

/* hashReset(hash) */
void xs_motekey_hashReset(xsMachine* the)
{
  expectArguments(the, 1);
  start(hashAt(the));
}

/* hashPush(hash, byte) */
void xs_motekey_hashPush(xsMachine* the)
{
  expectArguments(the, 2);
  Byte byte = (Byte)indexAt(the, 1);
  feed(hashAt(the), &byte, 1);
}

/* hashUpdate(hash, bytes, from, to) */
void xs_motekey_hashUpdate(xsMachine* the)
{
  expectArguments(the, 4);
  xsUnsignedValue from = indexAt(the, 2), to = indexAt(the, 3);
  Buffer bytes = bufferAt(the, 1, 0);
  if (from >= to)
    return;
  expectRange(the, bytes, from, to);
  feed(hashAt(the), bytes.bytes + from, to - from);
}

/* hashDigest(hash, out, at): and a new message begins. */
void xs_motekey_hashDigest(xsMachine* the)
{
  expectArguments(the, 3);
  xsUnsignedValue at = indexAt(the, 2);
  Buffer out = bufferAt(the, 1, 1);
  expectRange(the, out, at, at + DIGEST_BYTES);
  Hash* hash = hashAt(the);
  finish(hash, out.bytes + at);
  start(hash);
}

/* hashLoad(hash, midstate): as if the 64 bytes that led to these 8 words had just been fed. */
void xs_motekey_hashLoad(xsMachine* the)
{
  expectArguments(the, 2);
  Buffer midstate = bufferAt(the, 1, 0);
  expectRange(the, midstate, 0, sizeof(initialChain));
  Hash* hash = hashAt(the);
  memmove(hash->chain, midstate.bytes, sizeof(hash->chain));
  hash->fedHigh = 0;
  hash->fedLow = BLOCK_BYTES;
}

/* hashStore(hash, midstate) */
void xs_motekey_hashStore(xsMachine* the)
{
  expectArguments(the, 2);
  Buffer midstate = bufferAt(the, 1, 1);
  expectRange(the, midstate, 0, sizeof(initialChain));
  memmove(midstate.bytes, hashAt(the)->chain, sizeof(initialChain));
}

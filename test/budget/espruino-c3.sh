#!/bin/sh
# Builds Espruino for Linux as an ESP32-C3 has it: 32 bit, 4,095 variables of 13 bytes, 15,000 bytes of stack, and
# process.memory().stackHigh, the most stack that was in use since it was last asked for.
#   sh test/budget/espruino-c3.sh SOURCE OUT      SOURCE: a clone of Espruino at RELEASE_2V29 that may be changed
#   ESPRUINO=OUT npm run budget                   needs qemu-user and gcc-multilib; MQTT.js beside OUT is the peer
# -Os, as boards are built: without it the same client takes a third more stack.
set -eu
source=$(cd "$1" && pwd)
out=$2
cd "$source"
sed -i -e "s/'variables' : *[0-9]*,/'variables' : 4095,/" -e "/'TENSORFLOW',/d" -e "/'TELNET',/d" \
  -e "s/^#\( *'CFLAGS+=-m32'\)/ \1/" -e "/ESPR_UNICODE_SUPPORT/d" boards/LINUX.py
sed -i -e 's/const uint32_t max_stack = 1000000;.*/const uint32_t max_stack = 15000; if (count > jsuStackHigh) jsuStackHigh = count;/' \
  -e '0,/^size_t jsuGetFreeStack() {/s//uint32_t jsuStackHigh = 0;\nsize_t jsuGetFreeStack() {/' src/jsutils.c
sed -i 's/^    jsvObjectSetChildAndUnLock(obj, "blocksize".*/&\n    { extern uint32_t jsuStackHigh; jsvObjectSetChildAndUnLock(obj, "stackHigh", jsvNewFromInteger((JsVarInt)jsuStackHigh)); jsuStackHigh = 0; }/' \
  src/jswrap_process.c
make BOARD=LINUX RELEASE=1 OPTIMIZEFLAGS=-Os
cp bin/espruino "$out.elf"
printf '#!/bin/sh\nexec qemu-i386 "%s.elf" "$@"\n' "$(cd "$(dirname "$out")" && pwd)/$(basename "$out")" > "$out"
chmod +x "$out"

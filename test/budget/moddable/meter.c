/* What the machine that runs an app has in use. It looks inside XS: it is compiled with the app, as XS is. */
#include <time.h>
#include "xsAll.h"

/* Slots and chunk bytes in use, the most that ever were, and microseconds of processor time, as a JSON array. */
void xs_meter_read(txMachine* the)
{
  char text[128];
  snprintf(text, sizeof(text), "[%d,%d,%d,%d,%ld]", (int)the->currentHeapCount, (int)the->currentChunksSize,
    (int)the->peakHeapCount, (int)the->peakChunksSize, (long)(clock() / (CLOCKS_PER_SEC / 1000000)));
  fxString(the, mxResult, text);
}

void xs_meter_collect(txMachine* the)
{
  fxCollectGarbage(the);
}

/*
 * Plays an app that mcconfig made for the desktop (mc.so) as the SDK's simulator does, but without a window. What
 * the app posts to its screen is a line on stdout, and a line on stdin is a message to it.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "screen.h"

static void aborted(txScreen* screen, int status)
{
  fprintf(stderr, "XS ended with %d\n", status);
  exit(1);
}

static void posted(txScreen* screen, char* message, int size)
{
  fputc('\n', stdout); // the SDK leaves lines of its own unfinished
  fwrite(message, 1, size > 0 ? size : strlen(message), stdout);
  fputc('\n', stdout);
  fflush(stdout);
}

static void nothing(txScreen* screen)
{
}

static void started(txScreen* screen, double interval)
{
}

static gboolean typed(GIOChannel* input, GIOCondition condition, gpointer data)
{
  txScreen* screen = data;
  gchar* line;
  gsize length, end;
  if (g_io_channel_read_line(input, &line, &length, &end, NULL) != G_IO_STATUS_NORMAL)
    exit(0);
  line[end] = 0;
  screen->invoke(screen, line, 0);
  g_free(line);
  return TRUE;
}

int main(int count, char** arguments)
{
  txScreen* screen = calloc(1, sizeof(txScreen));
  void* app = count == 2 ? dlopen(arguments[1], RTLD_NOW) : NULL;
  if (app == NULL) {
    fprintf(stderr, "usage: player mc.so (%s)\n", dlerror());
    return 1;
  }
  signal(SIGPIPE, SIG_IGN); // the desktop's sockets write to peers that are gone; on a device that is an error
  screen->abort = aborted;
  screen->bufferChanged = nothing;
  screen->formatChanged = nothing;
  screen->post = posted;
  screen->start = started;
  screen->stop = nothing;
  ((txScreenLaunchProc)dlsym(app, "fxScreenLaunch"))(screen);
  g_io_add_watch(g_io_channel_unix_new(0), G_IO_IN | G_IO_HUP, typed, screen);
  g_main_loop_run(g_main_loop_new(NULL, FALSE));
  return 0;
}

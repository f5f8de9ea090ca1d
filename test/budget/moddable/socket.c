/*
 * The SDK's own TCP socket, whose source is included behind this file, without its waiting: it looks after what has
 * come 50 times a second, and 10,000 round trips would take minutes of idling that is measured too. Here the system
 * wakes it. Where PEER_FRAME is set there is no system either, but a broker with its cloud in memory, so that a round
 * trip is the engine's work alone. The peer answers CONNECT, SUBSCRIBE to one filter, PINGREQ and PUBLISH at QoS 1.
 */
#define _GNU_SOURCE // memmem
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <glib-unix.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "modTimer.h"

/* Packets here are shorter. */
#define QUEUE_BYTES 4096

typedef struct {
  unsigned char bytes[QUEUE_BYTES];
  int length;
} Queue;

/* The answer to each PUBLISH, with a # in the place of the request's id; NULL: there is a real broker. */
static const char* peerFrame;
static const char* peerTopic;
static int peerIdentifier;
static Queue toPeer, fromPeer;

static int lastSocket;
static modTimerCallback lookAfter;
static char lookAfterWhat[sizeof(void*)];
static gboolean isDue;

static gboolean woken(gint socket, GIOCondition condition, gpointer data)
{
  lookAfter(NULL, lookAfterWhat, sizeof(lookAfterWhat));
  return G_SOURCE_CONTINUE;
}

static gboolean peerWoken(gpointer data)
{
  isDue = FALSE;
  lookAfter(NULL, lookAfterWhat, sizeof(lookAfterWhat));
  return G_SOURCE_REMOVE;
}

/* The SDK's timer goes on: it is what sees that the connection is made. */
static modTimer addTimer(int first, int interval, modTimerCallback task, void* what, int size)
{
  lookAfter = task;
  memcpy(lookAfterWhat, what, sizeof(lookAfterWhat));
  if (peerFrame == NULL)
    g_unix_fd_add(lastSocket, G_IO_IN | G_IO_HUP, woken, NULL);
  return modTimerAdd(first, interval, task, what, size);
}

static int openSocket(int domain, int type, int protocol)
{
  peerFrame = getenv("PEER_FRAME");
  peerTopic = getenv("PEER_TOPIC");
  lastSocket = socket(domain, type, protocol);
  return lastSocket;
}

static int connectSocket(int socket, const struct sockaddr* address, socklen_t size)
{
  if (peerFrame == NULL)
    return connect(socket, address, size);
  errno = EINPROGRESS;
  return -1;
}

static int selectSocket(int count, fd_set* readable, fd_set* writable, struct timeval* time)
{
  if (peerFrame == NULL)
    return select(count, readable, writable, NULL, time);
  if (fromPeer.length == 0)
    FD_ZERO(readable);
  return 1;
}

static void take(Queue* queue, int count)
{
  queue->length -= count;
  memmove(queue->bytes, queue->bytes + count, queue->length);
}

static int readSocket(int socket, void* bytes, int size)
{
  int count = fromPeer.length < size ? fromPeer.length : size;
  if (peerFrame == NULL)
    return read(socket, bytes, size);
  memcpy(bytes, fromPeer.bytes, count);
  take(&fromPeer, count);
  return count;
}

static void say(const void* bytes, int count)
{
  memcpy(fromPeer.bytes + fromPeer.length, bytes, count);
  fromPeer.length += count;
  if (!isDue)
    g_idle_add_full(G_PRIORITY_DEFAULT, peerWoken, NULL, NULL);
  isDue = TRUE;
}

static void answer(const char* request, const char* end)
{
  const char* place = strchr(peerFrame, '#');
  const char* id = (const char*)memmem(request, end - request, "\"id\":", 5) + 5;
  int digits = strspn(id, "0123456789");
  int topicLength = strlen(peerTopic);
  int length = 2 + topicLength + 2 + strlen(peerFrame) - 1 + digits;
  unsigned char head[] = { 0x32, (length & 127) | 128, length >> 7, 0, topicLength };
  peerIdentifier = peerIdentifier % 65535 + 1;
  unsigned char identifier[] = { peerIdentifier >> 8, peerIdentifier };
  say(head, sizeof(head));
  say(peerTopic, topicLength);
  say(identifier, sizeof(identifier));
  say(peerFrame, place - peerFrame);
  say(id, digits);
  say(place + 1, strlen(place + 1));
}

static void receive(int type, const unsigned char* body, const unsigned char* end)
{
  static const unsigned char connack[] = { 0x20, 2, 0, 0 };
  static const unsigned char pingresp[] = { 0xd0, 0 };
  if (type == 1)
    say(connack, sizeof(connack));
  else if (type == 8) {
    unsigned char suback[] = { 0x90, 3, body[0], body[1], 1 };
    say(suback, sizeof(suback));
  }
  else if (type == 12)
    say(pingresp, sizeof(pingresp));
  else if (type == 3) {
    const unsigned char* identifier = body + 2 + body[1];
    unsigned char puback[] = { 0x40, 2, identifier[0], identifier[1] };
    say(puback, sizeof(puback));
    answer((const char*)identifier + 2, (const char*)end);
  }
}

/* Takes whole packets; their lengths have one or two bytes here. */
static int writeSocket(int socket, const void* bytes, int count)
{
  unsigned char* packet = toPeer.bytes;
  if (peerFrame == NULL)
    return write(socket, bytes, count);
  memcpy(packet + toPeer.length, bytes, count);
  toPeer.length += count;
  while (toPeer.length >= 2) {
    int isShort = packet[1] < 128;
    int start = isShort ? 2 : 3;
    int length = start + (isShort ? packet[1] : (packet[1] & 127) | (packet[2] << 7));
    if (toPeer.length < start || toPeer.length < length)
      break;
    receive(packet[0] >> 4, packet + start, packet + length);
    take(&toPeer, length);
  }
  return count;
}

#define modTimerAdd(first, interval, task, what, size) addTimer(first, interval, task, what, size)
#define socket(domain, type, protocol) openSocket(domain, type, protocol)
#define connect(socket, address, size) connectSocket(socket, address, size)
#define select(count, readable, writable, failed, time) selectSocket(count, readable, writable, time)
#define read(socket, bytes, size) readSocket(socket, bytes, size)
#define write(socket, bytes, count) writeSocket(socket, bytes, count)

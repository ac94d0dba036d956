/* An idempotent producer on librdkafka: idempotent BOOTSTRAP TOPIC PARTITIONS [COUNT [rate=N] [NAME=VALUE]...]
 *
 * Record i goes to partition i % PARTITIONS with the value i in decimal. Without COUNT, or with -1, it goes on until its
 * standard input ends. At most N records a second; NAME=VALUE are properties of librdkafka. Each time acknowledgements arrive,
 * "acked N" is printed: N records are acknowledged so far. At the end "done N", or "failed WHY" and exit code 1. Its retries
 * outlast any restart of the broker: whether the records are then there once and in order is for the caller to check. */
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long acknowledged = 0;
static int failed = 0;

static void on_delivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* opaque) {
  (void)client;
  (void)opaque;
  if (message->err) {
    printf("failed delivery: %s\n", rd_kafka_err2str(message->err));
    failed = 1;
  } else {
    ++acknowledged;
  }
}

static void on_error(rd_kafka_t* client, int error, const char* reason, void* opaque) {
  (void)opaque;
  if (error != RD_KAFKA_RESP_ERR__FATAL) return;
  char text[512];
  rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(client, text, sizeof text);
  printf("failed fatally: %s: %s (%s)\n", rd_kafka_err2name(fatal), text, reason);
  failed = 1;
}

static void set(rd_kafka_conf_t* conf, const char* name, const char* value) {
  char error[256];
  if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) {
    fprintf(stderr, "%s\n", error);
    exit(2);
  }
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static long rate = 0; /* 0: as fast as it goes */

static void take_properties(rd_kafka_conf_t* conf, int count, char** given) {
  for (int i = 0; i < count; ++i) {
    char* equals = strchr(given[i], '=');
    if (!equals) {
      fprintf(stderr, "%s: write it as NAME=VALUE\n", given[i]);
      exit(2);
    }
    *equals = 0;
    if (strcmp(given[i], "rate") == 0) {
      rate = atol(equals + 1);
    } else {
      set(conf, given[i], equals + 1);
    }
  }
}

static rd_kafka_t* make_producer(const char* bootstrap, int count, char** properties) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", bootstrap);
  set(conf, "enable.idempotence", "true");
  set(conf, "linger.ms", "1");
  set(conf, "batch.num.messages", "50");
  set(conf, "queue.buffering.max.messages", "1000");
  set(conf, "message.timeout.ms", "120000");
  set(conf, "retry.backoff.ms", "10");
  set(conf, "reconnect.backoff.ms", "10");
  set(conf, "reconnect.backoff.max.ms", "50");
  set(conf, "log_level", "2");
  take_properties(conf, count, properties);
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_conf_set_error_cb(conf, on_error);
  char error[256];
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
  if (!client) {
    fprintf(stderr, "%s\n", error);
    exit(2);
  }
  return client;
}

static int input_ended(void) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  char byte;
  return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

static void tell(long* told) {
  if (acknowledged == *told) return;
  *told = acknowledged;
  printf("acked %ld\n", acknowledged);
  fflush(stdout);
}

/* Produces record `index`, waiting while the queue is full. */
static void produce(rd_kafka_t* client, const char* topic, long partitions, long index, long* told) {
  char value[32];
  int length = snprintf(value, sizeof value, "%ld", index);
  for (;;) {
    rd_kafka_resp_err_t error =
        rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION((int32_t)(index % partitions)),
                          RD_KAFKA_V_VALUE(value, (size_t)length), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || failed) return;
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      printf("failed to produce: %s\n", rd_kafka_err2str(error));
      failed = 1;
      return;
    }
    rd_kafka_poll(client, 10);
    tell(told);
  }
}

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: %s BOOTSTRAP TOPIC PARTITIONS [COUNT [rate=N] [NAME=VALUE]...]\n", argv[0]);
    return 2;
  }
  const char* topic = argv[2];
  long partitions = atol(argv[3]);
  long count = argc > 4 ? atol(argv[4]) : -1;
  rd_kafka_t* client = make_producer(argv[1], argc > 5 ? argc - 5 : 0, argv + 5);
  long told = 0;
  long sent = 0;
  const double begun = now_s();
  while (!failed && (count < 0 ? !input_ended() : sent < count)) {
    if (rate > 0 && (double)sent > (now_s() - begun) * (double)rate) {
      rd_kafka_poll(client, 5);
      tell(&told);
      continue;
    }
    produce(client, topic, partitions, sent++, &told);
    rd_kafka_poll(client, 0);
    tell(&told);
  }
  rd_kafka_flush(client, 60000);
  tell(&told);
  if (!failed && acknowledged == sent) {
    printf("done %ld\n", acknowledged);
  } else {
    printf("failed: %ld of %ld acknowledged\n", acknowledged, sent);
    failed = 1;
  }
  fflush(stdout);
  rd_kafka_destroy(client);
  return failed;
}

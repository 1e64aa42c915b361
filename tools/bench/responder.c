/* A BMC at every address of 127.0.0.0/8 at once: the server of the benchmark, so cheap that it is not what is measured.
 *
 * One socket, bound to the loopback device; each answer leaves from the address that was asked. Cipher suites 3 and 17, one user.
 * Every checksum, pad and HMAC of a session is checked; what fails is counted as bad and not answered. Hash states and AES keys
 * are kept with the session. It is steered by datagrams that begin with "bench\n", one order a line; each is answered by the
 * counters as JSON. Call: responder PORT USER PASSWORD (port 0: any); the first line printed is the port.
 */
#define _GNU_SOURCE
#define OPENSSL_SUPPRESS_DEPRECATED
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/aes.h>
#include <openssl/sha.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum { SESSIONS = 16384, LATE = 32768, MOST = 512, LARGEST_ANSWER = 192, PERIODS = 65536, BLOCK = 16, DRAIN = 64 };
enum { FREE, OPENED, PROVEN, ACTIVE };
enum { PRIVILEGE_USER = 2, PRIVILEGE_ADMINISTRATOR = 4 };

typedef union { SHA_CTX sha1; SHA256_CTX sha256; } Hash;
typedef struct { int is_256; Hash inner, outer; } Mac;

typedef struct {
    uint32_t id, console_id, bmc, sent, received, window;
    uint8_t stage, is_256, limit, privilege, role, name_length, name[16], rm[16], rc[16], sik[32];
    Mac mac;
    AES_KEY seal, unseal;
} Session;

typedef struct { struct sockaddr_in console; struct in_addr bmc; } Way;
typedef struct { uint64_t due; Way way; int length; uint8_t octets[LARGEST_ANSWER]; } Answer;

static Session sessions[SESSIONS];
static Answer late[LATE];                       /* a ring: answers that wait for their time, all by the same delay */
static uint32_t late_first, late_count, next_session;
static const char *user, *password;
static Mac password_mac[2];
static int server;
static struct { uint64_t received, answered, bad, commands, statuses, logins, lost, strays, overflowed; } count;
static uint64_t delay_ns, last_status, cpu_before, chance = 88172645463325252ull, drop_request, drop_answer;
static uint32_t lost_per_mille, periods[PERIODS], period_count;

/* ── numbers ── */
static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}
static uint64_t random_64(void) {               /* xorshift; nothing here is worth a secret */
    chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
    return chance;
}
static void random_block(uint8_t *to) {
    uint64_t two[2] = {random_64(), random_64()};
    memcpy(to, two, BLOCK);
}
static uint32_t get_32(const uint8_t *from) {
    uint32_t value;
    memcpy(&value, from, 4);
    return value;
}
static uint8_t checksum(const uint8_t *from, int length) {
    uint8_t sum = 0;
    while (length--) sum += *from++;
    return (uint8_t)-sum;
}

/* ── HMAC with kept states, suite 3 (SHA-1) and 17 (SHA-256) ── */
static void hash_begin(int is_256, Hash *h) { if (is_256) SHA256_Init(&h->sha256); else SHA1_Init(&h->sha1); }
static void hash_add(int is_256, Hash *h, const void *data, size_t n) {
    if (is_256) SHA256_Update(&h->sha256, data, n); else SHA1_Update(&h->sha1, data, n);
}
static int hash_end(int is_256, Hash *h, uint8_t *out) {
    if (is_256) SHA256_Final(out, &h->sha256); else SHA1_Final(out, &h->sha1);
    return is_256 ? SHA256_DIGEST_LENGTH : SHA_DIGEST_LENGTH;
}
static void mac_key(Mac *mac, int is_256, const uint8_t *key, size_t length) {
    uint8_t inner[64], outer[64];
    memset(inner, 0x36, 64), memset(outer, 0x5c, 64);
    for (size_t i = 0; i < length && i < 64; i++) inner[i] ^= key[i], outer[i] ^= key[i];
    mac->is_256 = is_256;
    hash_begin(is_256, &mac->inner), hash_add(is_256, &mac->inner, inner, 64);
    hash_begin(is_256, &mac->outer), hash_add(is_256, &mac->outer, outer, 64);
}
static int mac_of(const Mac *mac, const uint8_t *data, size_t length, uint8_t *out) {
    Hash inner = mac->inner, outer = mac->outer;
    hash_add(mac->is_256, &inner, data, length);
    int size = hash_end(mac->is_256, &inner, out);
    hash_add(mac->is_256, &outer, out, (size_t)size);
    return hash_end(mac->is_256, &outer, out);
}
static int short_size(const Session *s) { return s->is_256 ? 16 : 12; }

/* ── datagrams out ── */
static void transmit(const Way *way, const uint8_t *octets, int length) {
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(struct in_pktinfo))]; } control;
    struct iovec part = {(void *)octets, (size_t)length};
    struct msghdr message = {.msg_name = (void *)&way->console, .msg_namelen = sizeof way->console, .msg_iov = &part,
                             .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    memset(&control, 0, sizeof control);
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = IPPROTO_IP, c->cmsg_type = IP_PKTINFO, c->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
    ((struct in_pktinfo *)CMSG_DATA(c))->ipi_spec_dst = way->bmc;
    sendmsg(server, &message, 0);
}
static void answer(const Way *way, const uint8_t *octets, int length) {
    if (drop_answer && --drop_answer == 0) { count.lost++; return; }
    count.answered++;
    if (!delay_ns) { transmit(way, octets, length); return; }
    if (late_count == LATE) { count.overflowed++; return; }
    Answer *a = &late[(late_first + late_count++) % LATE];
    a->due = now_ns() + delay_ns, a->way = *way, a->length = length;
    memcpy(a->octets, octets, (size_t)length);
}
static void send_due(void) {
    for (uint64_t now = now_ns(); late_count && late[late_first].due <= now; late_count--) {
        transmit(&late[late_first].way, late[late_first].octets, late[late_first].length);
        late_first = (late_first + 1) % LATE;
    }
}
static void answer_plus(const Way *way, uint8_t type, const uint8_t *payload, int length) {   /* RMCP+, outside sessions */
    uint8_t out[LARGEST_ANSWER] = {6, 0, 0xff, 7, 6, type, 0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)length, 0};
    memcpy(out + 16, payload, (size_t)length);
    answer(way, out, 16 + length);
}

/* ── commands: the reply's completion code and data into `out`, its length returned ── */
static int reply_to(Session *s, uint8_t netfn, uint8_t command, const uint8_t *data, int length, uint8_t *out) {
    static const uint8_t capabilities[] = {0, 1, 0x97, 4, 3, 0, 0, 0, 0}, plain[] = {0, 1, 0x17, 4, 0, 0, 0, 0, 0};
    static const uint8_t device[] = {0, 0x20, 1, 2, 3, 2, 0xbf, 0, 0, 0, 1, 0, 0, 0, 0, 0}, status[] = {0, 0x21, 0x10, 0x40};
    static const uint8_t suites[] = {0, 1, 0xc0, 3, 1, 0x41, 0x81, 0xc0, 17, 3, 0x44, 0x81}, guid[17] = {0};
#define REPLY(what) return memcpy(out, what, sizeof what), (int)sizeof what
    if (netfn == 6 && command == 0x38 && length == 2) {
        if (data[0] & 0x80) REPLY(capabilities);
        REPLY(plain);
    }
    if (netfn == 6 && command == 0x54 && length == 3 && !(data[2] & 0x3f)) REPLY(suites);
    if (netfn == 6 && command == 0x37) REPLY(guid);
    if (!s) { out[0] = 0xd4; return 1; }
    if (netfn == 0 && command == 1) REPLY(status);
    if (netfn == 6 && command == 1) REPLY(device);
    if (netfn == 6 && command == 0x3b && length == 1) {
        uint8_t asked = data[0] & 15;
        out[0] = asked > s->limit ? 0x81 : 0;
        if (asked && !out[0]) s->privilege = asked;
        out[1] = s->privilege;
        return out[0] ? 1 : 2;
    }
    if (netfn == 6 && command == 0x3c && length >= 4) {
        out[0] = get_32(data) == s->id ? 0 : 0x87;
        if (!out[0]) s->stage = FREE;
        return 1;
    }
    out[0] = 0xc1;
    return 1;
}
static int message_reply(Session *s, const uint8_t *m, int length, uint8_t *out) {      /* a LAN message; 0: not answered */
    if (length < 7 || checksum(m, 3) || checksum(m + 3, length - 3)) { count.bad++; return 0; }
    out[0] = m[3], out[1] = (uint8_t)(m[1] + 4), out[2] = checksum(out, 2), out[3] = m[0], out[4] = m[4], out[5] = m[5];
    int size = 6 + reply_to(s, m[1] >> 2, m[5], m + 6, length - 7, out + 6);
    out[size] = checksum(out + 3, size - 3);
    return size + 1;
}

/* ── login ── */
static Session *find(uint32_t id, const Way *way, int stage) {
    Session *s = &sessions[id % SESSIONS];
    return s->id == id && s->stage >= stage && s->bmc == way->bmc.s_addr ? s : NULL;
}
static void refuse(const Way *way, uint8_t type, const uint8_t *request, uint8_t why, uint32_t console_id) {
    uint8_t out[8] = {request[0], why};
    memcpy(out + 4, &console_id, 4);
    answer_plus(way, type, out, 8);
}
static void open_session(const Way *way, const uint8_t *p, int length) {
    if (length != 32) { count.bad++; return; }
    int is_3 = p[12] == 1 && p[20] == 1 && p[28] == 1, is_17 = p[12] == 3 && p[20] == 4 && p[28] == 1;
    if (!is_3 && !is_17) { refuse(way, 0x11, p, 0x11, get_32(p + 4)); return; }
    uint32_t place = ++next_session % SESSIONS;
    Session *s = &sessions[place];
    uint32_t id = (s->id & ~(uint32_t)(SESSIONS - 1)) + SESSIONS + place;
    s->id = id, s->console_id = get_32(p + 4), s->bmc = way->bmc.s_addr, s->stage = OPENED, s->is_256 = (uint8_t)is_17;
    s->limit = p[1] & 15 ? p[1] & 15 : PRIVILEGE_ADMINISTRATOR;
    uint8_t out[36] = {p[0], 0, s->limit};
    memcpy(out + 4, p + 4, 4), memcpy(out + 8, &id, 4), memcpy(out + 12, p + 8, 24);
    answer_plus(way, 0x11, out, 36);
}
static int put_role(const Session *s, uint8_t *to) {
    to[0] = s->role, to[1] = s->name_length;
    memcpy(to + 2, s->name, s->name_length);
    return 2 + s->name_length;
}
static void rakp_1(const Way *way, const uint8_t *p, int length) {
    Session *s = length >= 28 ? find(get_32(p + 4), way, OPENED) : NULL;
    if (!s) { if (length >= 8) refuse(way, 0x13, p, 2, 0); return; }
    uint8_t in[160] = {0}, out[40 + 32] = {p[0]};
    if (p[27] != strlen(user) || length != 28 + p[27] || memcmp(p + 28, user, p[27])) {
        refuse(way, 0x13, p, 0x0d, s->console_id);
        return;
    }
    if (s->stage == OPENED || memcmp(s->rm, p + 8, BLOCK)) random_block(s->rc);
    memcpy(s->rm, p + 8, BLOCK), memcpy(s->name, p + 28, p[27]);
    s->role = p[24], s->name_length = p[27], s->stage = PROVEN;
    if ((s->role & 15) < s->limit && s->role & 15) s->limit = s->role & 15;
    memcpy(in, &s->console_id, 4), memcpy(in + 4, &s->id, 4), memcpy(in + 8, s->rm, 16), memcpy(in + 24, s->rc, 16);
    int size = 56 + put_role(s, in + 56);                                              /* the GUID, 40 to 56, is zero */
    memcpy(out + 4, &s->console_id, 4), memcpy(out + 8, s->rc, 16);
    answer_plus(way, 0x13, out, 40 + mac_of(&password_mac[s->is_256], in, (size_t)size, out + 40));
}
static void make_keys(Session *s) {
    uint8_t in[64], key[32];
    Mac sik;
    memcpy(in, s->rm, 16), memcpy(in + 16, s->rc, 16);
    int size = 32 + put_role(s, in + 32), digest = mac_of(&password_mac[s->is_256], in, (size_t)size, s->sik);
    mac_key(&sik, s->is_256, s->sik, (size_t)digest);
    memset(in, 1, 20), mac_of(&sik, in, 20, key), mac_key(&s->mac, s->is_256, key, (size_t)digest);
    memset(in, 2, 20), mac_of(&sik, in, 20, key);
    AES_set_encrypt_key(key, 128, &s->seal), AES_set_decrypt_key(key, 128, &s->unseal);
    s->sent = s->received = s->window = 0, s->privilege = PRIVILEGE_USER, s->stage = ACTIVE;
}
static void rakp_3(const Way *way, const uint8_t *p, int length) {
    Session *s = length >= 8 ? find(get_32(p + 4), way, PROVEN) : NULL;
    if (!s) { if (length >= 8) refuse(way, 0x15, p, 2, 0); return; }
    if (p[1]) { s->stage = FREE; return; }                                  /* the console gave the login up */
    uint8_t in[64], code[32], out[8 + 32] = {p[0]};
    memcpy(in, s->rc, 16), memcpy(in + 16, &s->console_id, 4);
    int size = 20 + put_role(s, in + 20), digest = mac_of(&password_mac[s->is_256], in, (size_t)size, code);
    if (length != 8 + digest || memcmp(code, p + 8, (size_t)digest)) {
        count.bad++;
        refuse(way, 0x15, p, 0x0f, s->console_id);
        return;
    }
    if (s->stage == PROVEN) make_keys(s), count.logins++;
    Mac sik;
    mac_key(&sik, s->is_256, s->sik, (size_t)digest);
    memset(in, 0, 36), memcpy(in, s->rm, 16), memcpy(in + 16, &s->id, 4);
    mac_of(&sik, in, 36, out + 8), memcpy(out + 4, &s->console_id, 4);
    answer_plus(way, 0x15, out, 8 + short_size(s));
}

/* ── the open session ── */
static int is_new(Session *s, uint32_t sequence) {          /* 16 back, as far as you like forward, none twice, never 0 */
    int32_t ahead = (int32_t)(sequence - s->received);
    if (!sequence || ahead <= -16) return 0;
    if (ahead > 0) s->window = ahead > 15 ? 1 : s->window << ahead | 1, s->received = sequence;
    else if (s->window >> -ahead & 1) return 0;
    else s->window |= 1u << -ahead;
    return 1;
}
static int unseal(const Session *s, const uint8_t *d, int length, uint8_t *plain) {     /* length of the message; -1: bad */
    int tag = short_size(s), size = d[14] | d[15] << 8, pad = length - 16 - size - 2 - tag;
    uint8_t code[32], iv[BLOCK];
    if (size < 2 * BLOCK || size % BLOCK || size > MOST || pad < 0 || pad > 3 || (length - 4 - tag) % 4) return -1;
    mac_of(&s->mac, d + 4, (size_t)(length - 4 - tag), code);
    if (memcmp(code, d + length - tag, (size_t)tag) || d[length - tag - 1] != 7 || d[length - tag - 2] != pad) return -1;
    for (int i = 0; i < pad; i++) if (d[16 + size + i] != 0xff) return -1;
    memcpy(iv, d + 16, BLOCK);
    AES_cbc_encrypt(d + 16 + BLOCK, plain, (size_t)(size -= BLOCK), &s->unseal, iv, AES_DECRYPT);
    int spare = plain[size - 1];
    if (spare >= BLOCK) return -1;
    for (int i = 1; i <= spare; i++) if (plain[size - 2 - spare + i] != i) return -1;
    return size - 1 - spare;
}
static int seal(Session *s, uint8_t *message, int length, uint8_t *out) {
    int spare = (BLOCK - (length + 1) % BLOCK) % BLOCK, size = length + spare + 1, end = 16 + BLOCK + size;
    uint8_t code[32], iv[BLOCK];
    for (int i = 0; i < spare; i++) message[length + i] = (uint8_t)(i + 1);
    message[size - 1] = (uint8_t)spare, s->sent++;
    memcpy(out, "\x06\x00\xff\x07\x06\xc0", 6), memcpy(out + 6, &s->console_id, 4), memcpy(out + 10, &s->sent, 4);
    out[14] = (uint8_t)(size + BLOCK), out[15] = 0;
    random_block(iv), memcpy(out + 16, iv, BLOCK);
    AES_cbc_encrypt(message, out + 16 + BLOCK, (size_t)size, &s->seal, iv, AES_ENCRYPT);
    out[end] = out[end + 1] = 0xff, out[end + 2] = 2, out[end + 3] = 7, end += 4;      /* two: for all is counted from octet 4 */
    mac_of(&s->mac, out + 4, (size_t)(end - 4), code);
    memcpy(out + end, code, (size_t)short_size(s));
    return end + short_size(s);
}
static void note_status(void) {
    uint64_t now = now_ns();
    if (last_status && period_count < PERIODS) periods[period_count++] = (uint32_t)(now - last_status);
    last_status = now, count.statuses++;
}
static void in_session(const Way *way, const uint8_t *d, int length) {
    Session *s = find(get_32(d + 6), way, ACTIVE);
    uint8_t plain[MOST], reply[LARGEST_ANSWER], out[LARGEST_ANSWER];
    if (!s) { count.strays++; return; }                                     /* closed, or of a login before */
    int size = d[5] == 0xc0 ? unseal(s, d, length, plain) : -1;
    if (size < 0 || !is_new(s, get_32(d + 10))) { count.bad++; return; }
    if (size > 6 && plain[1] == 0 && plain[5] == 1) note_status();
    if ((size = message_reply(s, plain, size, reply))) count.commands++, answer(way, out, seal(s, reply, size, out));
}

/* ── datagrams in ── */
static void without_session(const Way *way, const uint8_t *d, int length) {             /* both framings */
    uint8_t reply[LARGEST_ANSWER], out[LARGEST_ANSWER] = {6, 0, 0xff, 7};
    int is_plus = d[4] == 6, size = is_plus ? d[14] | d[15] << 8 : d[13], from = is_plus ? 16 : 14;
    if (length < from + size) { count.bad++; return; }
    if (!(size = message_reply(NULL, d + from, size, reply))) return;
    if (is_plus) { answer_plus(way, 0, reply, size); return; }
    out[13] = (uint8_t)size, memcpy(out + 14, reply, (size_t)size);
    answer(way, out, 14 + size);
}
static void pong(const Way *way, const uint8_t *d) {
    uint8_t out[28] = {6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x40, d[9], 0, 16, 0, 0, 0x11, 0xbe, 0, 0, 0, 0, 0x81};
    answer(way, out, 28);
}
static int is_lost(void) {
    if (drop_request && --drop_request == 0) return 1;
    return lost_per_mille && random_64() % 1000 < lost_per_mille;
}
static void take(const Way *way, const uint8_t *d, int length) {
    count.received++;
    if (is_lost()) { count.lost++; return; }
    if (length >= 12 && d[0] == 6 && d[3] == 6 && d[8] == 0x80) pong(way, d);
    else if (length < 16 || d[0] != 6 || d[3] != 7 || (d[4] != 6 && d[4] != 0)) count.bad++;
    else if (d[4] == 0 || (d[5] == 0 && !get_32(d + 6))) without_session(way, d, length);
    else if (get_32(d + 6)) in_session(way, d, length);
    else if (length < 16 + (d[14] | d[15] << 8)) count.bad++;
    else if (d[5] == 0x10) open_session(way, d + 16, d[14]);
    else if (d[5] == 0x12) rakp_1(way, d + 16, d[14]);
    else if (d[5] == 0x14) rakp_3(way, d + 16, d[14]);
    else count.bad++;
}

/* ── steering ── */
static int by_size(const void *a, const void *b) {
    uint32_t first = get_32(a), second = get_32(b);
    return (first > second) - (first < second);
}
static uint64_t cpu_us(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000ull + (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}
static void obey(char *order) {
    unsigned long first = 0, second = 0;
    char word[32] = "";
    sscanf(order, "%31s %lu %lu", word, &first, &second);
    if (!strcmp(word, "reset")) {
        memset(&count, 0, sizeof count);
        drop_request = drop_answer = last_status = period_count = lost_per_mille = 0, cpu_before = cpu_us();
    } else if (!strcmp(word, "delay-us")) delay_ns = first * 1000ull;
    else if (!strcmp(word, "lose-per-mille")) lost_per_mille = (uint32_t)first, chance = (second + 1) * 88172645463325252ull;
    else if (!strcmp(word, "drop-request")) drop_request = first;
    else if (!strcmp(word, "drop-answer")) drop_answer = first;
}
static void steer(const Way *way, char *text) {
    char out[640], *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) obey(line);
    qsort(periods, period_count, sizeof *periods, by_size);
    int n = snprintf(out, sizeof out,
        "{\"received\": %lu, \"answered\": %lu, \"bad\": %lu, \"commands\": %lu, \"statuses\": %lu, \"logins\": %lu, "
        "\"lost\": %lu, \"strays\": %lu, \"overflowed\": %lu, \"cpu_us\": %lu, \"period_ns\": %u}",
        count.received, count.answered, count.bad, count.commands, count.statuses, count.logins, count.lost,
        count.strays, count.overflowed,
        cpu_us() - cpu_before, period_count ? periods[period_count / 2] : 0);
    transmit(way, (uint8_t *)out, n);
}
static int receive(int flags) {                                          /* take one datagram; 0: there was none */
    static uint8_t octets[MOST + 1];
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(struct in_pktinfo))]; } control;
    Way way;
    struct iovec part = {octets, MOST};
    struct msghdr message = {.msg_name = &way.console, .msg_namelen = sizeof way.console, .msg_iov = &part, .msg_iovlen = 1,
                             .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(server, &message, flags);
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    if (length < 0) return 0;
    if (!c || c->cmsg_type != IP_PKTINFO) return 1;
    way.bmc = ((struct in_pktinfo *)CMSG_DATA(c))->ipi_addr;
    octets[length] = 0;
    if (ntohl(way.bmc.s_addr) >> 24 != 127) return 1;
    if (!strncmp((char *)octets, "bench\n", 6)) steer(&way, (char *)octets + 6);
    else take(&way, octets, (int)length);
    return 1;
}
static int open_server(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof at;
    int on = 1, room = 32 << 20;
    server = socket(AF_INET, SOCK_DGRAM, 0);
    if (setsockopt(server, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3)) return perror("responder: loopback device"), 0;
    if (setsockopt(server, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room))
        setsockopt(server, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    setsockopt(server, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    if (bind(server, (struct sockaddr *)&at, size) || getsockname(server, (struct sockaddr *)&at, &size))
        return perror("responder: bind"), 0;
    return ntohs(at.sin_port);
}
int main(int argc, char **argv) {
    int port = argc == 4 ? open_server(atoi(argv[1])) : 0;
    if (!port) return fprintf(stderr, "responder PORT USER PASSWORD\n"), 2;
    user = argv[2], password = argv[3];
    for (int is_256 = 0; is_256 < 2; is_256++)
        mac_key(&password_mac[is_256], is_256, (const uint8_t *)password, strlen(password));
    prctl(PR_SET_PDEATHSIG, SIGKILL), prctl(PR_SET_TIMERSLACK, 1ul);
    printf("%d\n", port), fflush(stdout);
    for (;;) {
        if (!late_count) { receive(0); continue; }
        uint64_t now = now_ns(), due = late[late_first].due, wait = due > now ? due - now : 0;
        struct timespec t = {(time_t)(wait / 1000000000ull), (long)(wait % 1000000000ull)};
        struct pollfd in = {.fd = server, .events = POLLIN};
        ppoll(&in, 1, &t, NULL);
        for (int i = 0; i < DRAIN && receive(MSG_DONTWAIT); i++) {}
        send_due();
    }
}

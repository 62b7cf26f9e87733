/*
 * What the C library answers: getaddrinfo(NAME), SOCK_STREAM, flags 0, no service. One line of JSON on stdout.
 *
 *   getaddrinfo NAME [4|6]
 *
 * AI_ADDRCONFIG stays off: which families are asked must not depend on the addresses of the sandbox.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#ifndef EAI_NODATA
#define EAI_NODATA -5
#endif
#ifndef EAI_ADDRFAMILY
#define EAI_ADDRFAMILY -9
#endif
#ifndef EAI_IDN_ENCODE
#define EAI_IDN_ENCODE -105
#endif

static long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static const char *code_of(int code)
{
    switch (code) {
    case EAI_AGAIN: return "EAI_AGAIN";
    case EAI_BADFLAGS: return "EAI_BADFLAGS";
    case EAI_FAIL: return "EAI_FAIL";
    case EAI_FAMILY: return "EAI_FAMILY";
    case EAI_MEMORY: return "EAI_MEMORY";
    case EAI_NONAME: return "EAI_NONAME";
    case EAI_NODATA: return "EAI_NODATA";
    case EAI_ADDRFAMILY: return "EAI_ADDRFAMILY";
    case EAI_SERVICE: return "EAI_SERVICE";
    case EAI_SOCKTYPE: return "EAI_SOCKTYPE";
    case EAI_SYSTEM: return "EAI_SYSTEM";
    case EAI_IDN_ENCODE: return "EAI_IDN_ENCODE";
    default: return "EAI_UNKNOWN";
    }
}

int main(int argc, char **argv)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    char text[NI_MAXHOST];
    const char *separator = "";

    if (argc < 2)
        return 2;
    if (argc > 2)
        hints.ai_family = argv[2][0] == '6' ? AF_INET6 : AF_INET;
    errno = 0;
    long long begin = now_ns();
    int code = getaddrinfo(argv[1], NULL, &hints, &found);
    int saved = errno;
    long long end = now_ns();
#ifdef __GLIBC__
    printf("{\"runtime\":\"glibc %s\",", gnu_get_libc_version());
#else
    printf("{\"runtime\":\"musl\",");
#endif
    printf("\"begin_ns\":%lld,\"elapsed_ns\":%lld,", begin, end - begin);
    if (code != 0) {
        printf("\"error\":{\"code\":\"%s\",\"text\":\"%s\",\"errno\":%d}}\n", code_of(code), gai_strerror(code), saved);
        return 0;
    }
    printf("\"addresses\":[");
    for (struct addrinfo *each = found; each; each = each->ai_next) {
        if (getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0) {
            printf("%s\"%s\"", separator, text);
            separator = ",";
        }
    }
    printf("]}\n");
    freeaddrinfo(found);
    return 0;
}

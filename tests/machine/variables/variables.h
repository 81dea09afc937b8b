#ifndef VARIABLES_H
#define VARIABLES_H
#include <stdint.h>

enum state { STATE_OFF, STATE_OPEN, STATE_BOUND = 5, STATE_ERROR = -1 };
enum bits { BIT_A = 1, BIT_B = 2, BIT_C = 4 };
struct stats {
    uint32_t received;
    int16_t sent;
    enum state state;
    char name[8];
    float ratio;
};
struct node {
    int32_t value;
    struct node *next;
};
struct flags {
    unsigned ready : 1;
    signed level : 3;
    unsigned mode : 4;
    uint32_t wide : 17;
    enum state state : 5;
};
union word {
    uint32_t whole;
    uint8_t bytes[4];
    struct {
        uint16_t low, high;
    };
};
struct outer {
    uint8_t id;
    struct {
        uint16_t low, high;
    } inner;
    union {
        uint32_t left;
        uint32_t right;
    };
    struct {
        uint8_t cells[2];
    } deep[1];
};
void on_ready(void);
uint32_t other_file(void);
#endif

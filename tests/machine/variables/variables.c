/* Variables of every kind that C has, for tests that read and write them by name. `main` counts `ticks` up for ever. */
#include <stdbool.h>
#include <stdint.h>

#include "variables.h"

volatile uint32_t ticks;
struct stats stats = {.received = 7, .sent = -3, .state = STATE_BOUND, .name = "echo", .ratio = 0.5f};
uint8_t buf[8] = {1, 2, 3, 4, 5, 6, 7, 8};
int16_t grid[2][3] = {{1, 2, 3}, {-4, -5, -6}};
char text[12] = "hello";
struct node second = {.value = 22, .next = 0};
struct node first = {.value = 11, .next = &second};
struct node *head = &first;
uint32_t *numbers;
void *nothing = &buf;
void (*callback)(void) = &on_ready;
struct flags flags = {.ready = 1, .level = -2, .mode = 5, .wide = 0x1FFFF, .state = STATE_OPEN};
union word word = {.whole = 0x11223344};
struct outer outer = {.id = 9, .inner = {.low = 1, .high = 2}, .left = 3, .deep = {{.cells = {4, 5}}}};
bool is_bound = true;
_Bool other;
double precise = 1.25;
float small = -0.1f;
int8_t tiny = -128;
uint64_t wide64 = 0x123456789ABCDEF0u;
enum state state = STATE_ERROR;
volatile enum bits bits = BIT_A | BIT_C;
const uint32_t limit = 42;
const volatile uint32_t patched = 43;
const struct stats defaults = {.received = 1, .name = "flash"};
static uint32_t counter = 100;
struct hidden *hidden = 0;
__attribute__((section("gone"))) uint32_t dropped = 1;
static const uint32_t folded = 5;
static uint32_t unused_static;

uint32_t next(void)
{
    static uint32_t calls = 3;
    return ++calls + folded;
}

uint32_t again(void)
{
    static uint32_t calls = 4;
    return calls += 2;
}

void on_ready(void) { is_bound = !is_bound; }

int main(void)
{
    uint32_t local = 0;
    numbers = &counter;
    for (;;) {
        ticks++;
        local += ticks;
        if (local == 0xFFFFFFFFu) {
            counter += next() + again() + other_file() + unused_static * 0u;
            on_ready();
        }
    }
}

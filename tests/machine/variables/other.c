/* A second file: a static of the same name, and the whole of a type that the first one only declares. */
#include "variables.h"

struct hidden {
    uint32_t secret;
};
struct hidden treasure = {77};
static uint32_t counter = 200;

uint32_t other_file(void) { return counter++ + treasure.secret; }

/* Prints a line on the console that it was built for, and sleeps. */
#include "hart.h"

uint32_t handle(uint32_t cause, uint32_t pc, uint32_t value)
{
    (void)cause;
    (void)value;
    return pc;
}

int main(void)
{
    begin();
    text("hello\n");
    return 0;
}

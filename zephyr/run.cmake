# The target `run` for a board that icmsg emulates, from that board's board.cmake: run_on_icmsg(<SoC>).
#
# ICMSG_ARGS are more options of `icmsg simulate`, such as -DICMSG_ARGS="--net off".
macro(run_on_icmsg soc)
  list(APPEND SUPPORTED_EMU_PLATFORMS custom)
  zephyr_get(ICMSG_ARGS SYSBUILD GLOBAL)
  separate_arguments(icmsg_args UNIX_COMMAND "${ICMSG_ARGS}")
  get_filename_component(icmsg_beside_python ${PYTHON_EXECUTABLE} DIRECTORY)
  find_program(ICMSG_EXECUTABLE icmsg HINTS ${icmsg_beside_python})
  set(icmsg_build ${APPLICATION_BINARY_DIR})
  if(SYSBUILD) # all images of the build, each on its core
    get_filename_component(icmsg_build ${APPLICATION_BINARY_DIR} DIRECTORY)
  endif()
  if(ICMSG_EXECUTABLE)
    set(icmsg_command ${ICMSG_EXECUTABLE} simulate --soc ${soc} ${icmsg_args} ${icmsg_build})
  else()
    set(icmsg_command
      ${CMAKE_COMMAND} -E echo "icmsg is not installed: pip install icmsg, then build again with --pristine"
      COMMAND ${CMAKE_COMMAND} -E false
    )
  endif()
  add_custom_target(run_custom
    COMMAND ${icmsg_command}
    WORKING_DIRECTORY ${APPLICATION_BINARY_DIR}
    DEPENDS ${logical_target_for_zephyr_elf}
    USES_TERMINAL
  )
endmacro()

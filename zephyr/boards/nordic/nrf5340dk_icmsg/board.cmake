# Read for every target of the nRF5340 DK; TF-M's split of the SoC is not emulated.
if(NOT CONFIG_BOARD_NRF5340DK_NRF5340_CPUAPP_NS)
  include(${CMAKE_CURRENT_LIST_DIR}/../../../run.cmake)
  run_on_icmsg(nrf5340)
endif()

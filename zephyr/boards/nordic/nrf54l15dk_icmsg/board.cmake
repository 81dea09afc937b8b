# Read for every target of the nRF54L15 DK; it also stands for smaller SoCs, and TF-M's split is not emulated.
if(CONFIG_BOARD_NRF54L15DK_NRF54L15_CPUAPP OR CONFIG_SOC_NRF54L15_CPUFLPR)
  include(${CMAKE_CURRENT_LIST_DIR}/../../../run.cmake)
  run_on_icmsg(nrf54l15)
endif()

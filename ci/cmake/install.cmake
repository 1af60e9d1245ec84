# `cmake --install`: program, data, headers and a CMake package, relocatable; `cpack`: a Debian package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(joulebench_libraries GLOBAL PROPERTY JOULEBENCH_LIBRARIES)
install(TARGETS joulebench RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
install(TARGETS joulebench_options ${joulebench_libraries} EXPORT joulebench
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
foreach(room backends models results harness)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/joulebench
          COMPONENT development FILES_MATCHING PATTERN "*.h")
endforeach()
set(data_dir ${CMAKE_INSTALL_DATADIR}/joulebench)
install(DIRECTORY backends/presets backends/energy/tables harness/suites DESTINATION ${data_dir}
        COMPONENT program FILES_MATCHING PATTERN "*.json")

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/joulebench)
install(EXPORT joulebench NAMESPACE joulebench:: DESTINATION ${package_dir} COMPONENT development)
configure_package_config_file(ci/cmake/joulebenchConfig.cmake.in
  ${PROJECT_BINARY_DIR}/joulebenchConfig.cmake INSTALL_DESTINATION ${package_dir}
  PATH_VARS data_dir)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/joulebenchConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/joulebenchConfig.cmake
              ${PROJECT_BINARY_DIR}/joulebenchConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT development)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME joulebench)
set(CPACK_PACKAGE_CONTACT "The joulebench developers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL program)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
include(CPack)

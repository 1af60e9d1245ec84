# `cmake --install`: program, data, headers and a CMake package, relocatable; `cpack`: a Debian package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The program looks for its data in ../share/joulebench beside itself (backends/core/paths.h), and
# joulebench_options names the folder of headers, so these do not follow CMAKE_INSTALL_BINDIR,
# CMAKE_INSTALL_DATADIR and CMAKE_INSTALL_INCLUDEDIR.
set(program_dir bin)
set(data_dir share/joulebench)
set(header_dir include/joulebench)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/joulebench)

install(TARGETS joulebench RUNTIME DESTINATION ${program_dir} COMPONENT program)
install(DIRECTORY backends/presets backends/energy/tables harness/suites results/schemas
        DESTINATION ${data_dir}
        COMPONENT program FILES_MATCHING PATTERN "*.json")
install(DIRECTORY results/footprint/data/ DESTINATION ${data_dir}/footprint COMPONENT program
        FILES_MATCHING PATTERN "*.json")
install(DIRECTORY results/literature DESTINATION ${data_dir} COMPONENT program)
install(FILES LICENSE DESTINATION share/doc/joulebench RENAME copyright COMPONENT program)

# Headers that include those of a library which this build has not stay away.
file(GLOB_RECURSE joulebench_headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
     backends/*.h models/*.h results/*.h harness/*.h)
if(NOT dnnl_FOUND)
  list(FILTER joulebench_headers EXCLUDE REGEX
       "^backends/onednn/(onednn_compat|packed_matmul|network/[a-z_]*)\\.h$")
endif()
if(NOT JOULEBENCH_HAVE_CUDA)
  list(FILTER joulebench_headers EXCLUDE REGEX "^backends/cublas/cu(da|blaslt)_[a-z_]*\\.h$")
endif()
# ONNX's message classes stay inside models/onnx: its users need neither protobuf nor its macros.
list(FILTER joulebench_headers EXCLUDE REGEX
     "^models/onnx/(attribute_writer|external_data|messages|node_import|operators|tensor_proto)\\.h$")
foreach(header IN LISTS joulebench_headers)
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${header} DESTINATION ${header_dir}/${folder} COMPONENT development)
endforeach()

# joulebench_core is joulebench::core to those who find the package.
get_property(joulebench_libraries GLOBAL PROPERTY JOULEBENCH_LIBRARIES)
foreach(library IN ITEMS joulebench_options ${joulebench_libraries})
  string(REGEX REPLACE "^joulebench_" "" export_name ${library})
  set_target_properties(${library} PROPERTIES EXPORT_NAME ${export_name})
endforeach()
install(TARGETS joulebench_options ${joulebench_libraries} EXPORT joulebench
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(EXPORT joulebench NAMESPACE joulebench:: FILE joulebenchTargets.cmake
        DESTINATION ${package_dir} COMPONENT development)
configure_package_config_file(ci/cmake/joulebenchConfig.cmake.in
  ${PROJECT_BINARY_DIR}/joulebenchConfig.cmake INSTALL_DESTINATION ${package_dir}
  PATH_VARS data_dir)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/joulebenchConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/joulebenchConfig.cmake
              ${PROJECT_BINARY_DIR}/joulebenchConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT development)

# The Debian package holds the program and its data; its dependencies are those of the binary, found
# by dpkg-shlibdeps (package dpkg-dev).
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME joulebench)
set(CPACK_PACKAGE_CONTACT "The joulebench developers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL program)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
include(CPack)
